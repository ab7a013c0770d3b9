/** `caudal dev [file]`: a sandbox, made-up purchases, the topology, and a screen that shows what flows. */
import type { Configuration } from '../config.ts'
import type { Log } from '../log.ts'
import type { ExitCode, WireFactory } from '../runtime/running.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { Command } from './command.ts'
import { DevKafka, devPartitions } from './dev-kafka.ts'
import { timesAsFast } from './fast-time.ts'
import { type Feeder, openFeeder } from './feeder.ts'
import { type Invocation, prepareInvocation } from './invocation.ts'
import type { Observation } from './observation.ts'
import type { Parts } from './parts.ts'
import { purchasesTopic } from './purchases.ts'
import { finish, pointersOf, viewFor, withLogBesideView } from './run-command.ts'
import { runSession, type SessionEnd } from './session.ts'
import { type StopRequest, stopRequest } from './stop-request.ts'
import { Tail } from './tail.ts'
import { type TopologyTopics, topicsOf } from './topology-topics.ts'
import { count } from './view.ts'

/** Of each look, a few times a second: what an eye can follow, and what a log should hold; more at once after looks that found none. */
const rowsPerLook = { screen: 3, lines: 1 }
const rowsAtOnceMax = 8
/** How long the last purchases may take to come out at the other end. */
const settleMs = 3_000

export const devCommand: Command = {
  name: 'dev',
  operand: '[file]',
  defaultFile: 'topologies/hourly-purchases.ts',
  summary: 'Runs a topology in a sandbox with made-up purchases, and shows what flows.',
  details: [
    'The sandbox is what kafka.brokers names, else Kafka and Redis as processes of this machine, else as containers, else a',
    'Kafka in memory (sandbox.kind forces one). Topics are created. A topology that reads the topic "purchases" is fed with made-up ones,',
    'whose time begins two months ago and passes so fast that an hour takes six seconds, until it is now.',
    'Without a file: topologies/hourly-purchases.ts. Ctrl-C stops everything.',
  ],
  options: ['export', 'seconds', 'config'],
  configurable: true,
  run: async (line, parts) => {
    const commandDefaults = { http: { port: 0 }, ...(parts.terminal.interactive ? {} : { logLevel: 'warn' }) }
    const invocation = await prepareInvocation(line, parts, { commandDefaults })
    const stop = stopRequest(parts, invocation.configuration.shutdownTimeoutMs)
    try {
      return await inSandbox(invocation, parts, stop)
    } finally {
      stop.release()
    }
  },
}

async function inSandbox(invocation: Invocation, parts: Parts, stop: StopRequest): Promise<ExitCode> {
  const { configuration } = invocation
  const sandbox = await parts.startSandbox({
    kind: configuration.sandbox.kind,
    kafkaBrokers: configuration.kafka.brokers,
    redisUrl: configuration.redis.url ?? undefined,
    progress: (text) => parts.terminal.write(`${text}\n`),
    signal: stop.signal,
  })
  try {
    const chosen = withLogBesideView(withAddresses(configuration, sandbox), parts)
    const log = parts.openLog(chosen)
    const memory = sandbox.kind === 'memory' ? await parts.memoryWires() : undefined
    const wires = memory ?? (await parts.kafkaWires(chosen, log))
    const kafka = new DevKafka(wires('caudal-dev'), parts.clock)
    try {
      return await inKafka({ invocation: { ...invocation, configuration: chosen }, parts, stop, log, kafka, memory })
    } finally {
      await kafka.close()
    }
  } finally {
    await sandbox.stop()
  }
}

const withAddresses = (configuration: Configuration, { kafkaBrokers: brokers, redisUrl: url }: Sandbox): Configuration => ({
  ...configuration,
  kafka: { ...configuration.kafka, brokers },
  redis: { ...configuration.redis, url },
})

interface Dev {
  readonly invocation: Invocation
  readonly parts: Parts
  readonly stop: StopRequest
  readonly log: Log
  readonly kafka: DevKafka
  readonly memory: WireFactory | undefined
}

async function inKafka(dev: Dev): Promise<ExitCode> {
  const { invocation, parts, log, kafka } = dev
  const { definition, configuration, seconds } = invocation
  const topics = topicsOf(definition, configuration.applicationId ?? definition.name)
  const created = await kafka.ensureTopics(topics.required, devPartitions)
  if (created.length > 0) parts.terminal.write(`topics created: ${created.join(', ')}\n`)
  const isFed = topics.sources.includes(purchasesTopic)
  const { feeder, from } = await openFeeder({ kafka, clock: parts.clock, log })
  const tail = await Tail.open(kafka, parts.clock, topics.sinks)
  try {
    if (isFed) feeder.start()
    else parts.terminal.write(`nothing is made up for this topology: feed its topics, ${topics.sources.join(', ')}, yourself\n`)
    const end = await session(dev, topics, { feeder, tail, ...(isFed ? { from } : {}) })
    summarise(parts, end, feeder)
    return finish(parts, end, seconds !== undefined)
  } finally {
    await feeder.stop()
    await tail.close()
  }
}

function session(
  { invocation, parts, stop, log, memory }: Dev,
  topics: TopologyTopics,
  { feeder, tail, from }: { feeder: Feeder; tail: Tail; from?: number },
) {
  const { configuration, seconds, definition, file } = invocation
  const application = configuration.applicationId ?? definition.name
  let spare = rowsAtOnceMax
  return runSession({
    parts,
    loaded: invocation,
    configuration,
    log,
    stop,
    seconds,
    ...(memory ? { wireFactory: memory } : {}),
    openView: (url) => {
      const pointers: [string, string][] = [
        ...pointersOf(url, configuration),
        ['kafka', configuration.kafka.brokers.join(',') || 'in the memory of this process'],
        ['redis', configuration.redis.url ?? 'none: state is in memory'],
        ...(from === undefined ? [] : [timePointer(from)]),
        ['edit', `${file}, then start again`],
      ]
      return viewFor(parts, { command: 'dev', application, ...topics, pointers })
    },
    onLook: (view) => {
      spare = Math.min(rowsAtOnceMax, spare + (parts.terminal.interactive ? rowsPerLook.screen : rowsPerLook.lines))
      const rows = tail.take(spare)
      spare -= rows.length
      view.rows(rows)
    },
    beforeStop: async (observe) => {
      await feeder.stop()
      await settle(parts, observe, feeder.sent)
    },
  })
}

const timePointer = (from: number): [string, string] => [
  'time',
  `that of the purchases begins at ${new Date(from).toISOString().slice(0, 16)}Z; ${timesAsFast / 60} minutes of it pass in a second`,
]

/** Until what was sent has come out: so that the summary adds up. */
async function settle({ clock }: Parts, observe: () => Observation, sent: number): Promise<void> {
  const until = clock.monotonic() + settleMs
  const isOver = ({ state, lag, recordsIn }: Observation) => state !== 'running' || (lag === 0 && recordsIn >= sent)
  while (clock.monotonic() < until && !isOver(observe())) await clock.sleep(100)
}

function summarise({ terminal }: Parts, { last }: SessionEnd, feeder: Feeder): void {
  const { recordsIn, recordsOut, batches, lag } = last
  terminal.write(
    [
      '',
      `purchases sent  ${count(feeder.sent).padStart(12)}`,
      `records in      ${count(recordsIn).padStart(12)}`,
      `rows out        ${count(recordsOut).padStart(12)}`,
      `batches         ${count(batches).padStart(12)}`,
      `lag             ${count(lag).padStart(12)}`,
      '',
    ].join('\n'),
  )
}
