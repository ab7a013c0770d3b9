/** `caudal feed [file]`: the topics of a topology, and made-up purchases in the one that it reads, for a stage that stands by itself. */
import type { ExitCode } from '../runtime/running.ts'
import type { Command } from './command.ts'
import { DevKafka, devPartitions } from './dev-kafka.ts'
import { openFeeder, type Feeder } from './feeder.ts'
import { type Invocation, prepareInvocation } from './invocation.ts'
import type { Parts } from './parts.ts'
import { purchasesTopic } from './purchases.ts'
import { needsBrokers } from './run-command.ts'
import { type StopRequest, stopRequest } from './stop-request.ts'
import { topicsOf } from './topology-topics.ts'

/** So that whoever looks at the log of a container sees that it works, and the log stays short. */
const tellEveryMs = 10_000

export const feedCommand: Command = {
  name: 'feed',
  operand: '[file]',
  defaultFile: 'topologies/hourly-purchases.ts',
  summary: 'Creates the topics of a topology and sends made-up purchases to the Kafka of the configuration.',
  details: [
    'What `dev` does around a topology, for one that runs elsewhere, as in docker-compose.yml: topics that are missing are',
    'created, with four partitions each, and the topic "purchases" is fed until it is stopped. With --seconds 0 the topics',
    'are created and nothing is sent. For a demonstration: it is not meant for the brokers of others.',
  ],
  options: ['export', 'seconds', 'config'],
  configurable: true,
  run: async (line, parts) => {
    const invocation = await prepareInvocation(line, parts, { check: needsBrokers })
    const stop = stopRequest(parts, invocation.configuration.shutdownTimeoutMs)
    try {
      return await feed(invocation, parts, stop)
    } finally {
      stop.release()
    }
  },
}

async function feed({ definition, configuration, seconds }: Invocation, parts: Parts, stop: StopRequest): Promise<ExitCode> {
  const { clock, terminal } = parts
  const log = parts.openLog(configuration)
  const kafka = new DevKafka((await parts.kafkaWires(configuration, log))('caudal-feed'), clock)
  try {
    const { required } = topicsOf(definition, configuration.applicationId ?? definition.name)
    const created = await kafka.ensureTopics([...new Set([purchasesTopic, ...required])], devPartitions)
    terminal.write(created.length > 0 ? `topics created: ${created.join(', ')}\n` : 'all topics are there\n')
    if (seconds === 0) return 0
    const { feeder } = await openFeeder({ kafka, clock, log })
    await untilStopped(feeder, parts, { stop, seconds })
    terminal.write(`purchases sent: ${feeder.sent}\n`)
    return 0
  } finally {
    await kafka.close()
  }
}

async function untilStopped(
  feeder: Feeder,
  { clock, terminal }: Parts,
  { stop, seconds = Infinity }: { readonly stop: StopRequest; readonly seconds?: number | undefined },
): Promise<void> {
  const until = clock.monotonic() + seconds * 1000
  feeder.start()
  try {
    while (!stop.signal.aborted && clock.monotonic() < until) {
      await clock.sleep(Math.min(tellEveryMs, until - clock.monotonic()), stop.signal)
      terminal.write(`purchases sent so far: ${feeder.sent}\n`)
    }
  } finally {
    await feeder.stop()
  }
}
