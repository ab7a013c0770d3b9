/** `caudal run <file>`: runs a topology against the Kafka of the configuration. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Configuration } from '../config.ts'
import type { ExitCode } from '../runtime/running.ts'
import type { Command } from './command.ts'
import { prepareInvocation } from './invocation.ts'
import { LiveView } from './live-view.ts'
import type { Parts } from './parts.ts'
import { PlainView } from './plain-view.ts'
import { runSession, type SessionEnd } from './session.ts'
import { stopRequest } from './stop-request.ts'
import { topicsOf } from './topology-topics.ts'

export const runCommand: Command = {
  name: 'run',
  operand: '<file>',
  summary: 'Runs the topology of a file against the Kafka of the configuration.',
  details: [
    'The file exports a topology as its default, or under the name given by --export. SIGINT and SIGTERM finish or',
    'abort the batch, write the state and leave the group, within shutdownTimeoutMs; a second signal ends at once.',
  ],
  options: ['export', 'seconds', 'config'],
  configurable: true,
  run: async (line, parts) => {
    const { configuration, seconds, ...loaded } = await prepareInvocation(line, parts, { check: needsBrokers })
    const chosen = withLogBesideView(configuration, parts)
    const stop = stopRequest(parts, configuration.shutdownTimeoutMs)
    const application = configuration.applicationId ?? loaded.definition.name
    const { sources, sinks } = topicsOf(loaded.definition, application)
    const openView = (url: string) => {
      const caption = { command: 'run', application, sources, sinks, pointers: pointersOf(url, chosen) }
      return viewFor(parts, caption)
    }
    try {
      const end = await runSession({ parts, loaded, configuration: chosen, log: parts.openLog(chosen), stop, seconds, openView })
      return finish(parts, end, seconds !== undefined)
    } finally {
      stop.release()
    }
  },
}

/** What `run` and `feed` cannot do without. */
export const needsBrokers = ({ kafka }: Configuration) =>
  kafka.brokers.length > 0 ? [] : ['kafka.brokers: not set; give --kafka-brokers host:port, or CAUDAL_KAFKA_BROKERS']

/** A log on the terminal would tear the live view apart, worker threads' lines above all: it goes to a file then. */
export function withLogBesideView(
  configuration: Configuration,
  { terminal, clock }: Pick<Parts, 'terminal' | 'clock'>,
): Configuration {
  if (!terminal.interactive || configuration.logFile !== null) return configuration
  return { ...configuration, logFile: join(tmpdir(), `caudal-${clock.id()}.log`) }
}

export function viewFor({ terminal, clock }: Parts, caption: ConstructorParameters<typeof LiveView>[2]): LiveView | PlainView {
  if (terminal.interactive) return new LiveView(terminal, clock, caption)
  const view = new PlainView(terminal, clock)
  for (const [name, place] of caption.pointers) view.note(`${name}: ${place}`)
  return view
}

export const pointersOf = (url: string, { logFile }: Configuration): [string, string][] => [
  ['status', `${url}/`],
  ['metrics', `${url}/metrics`],
  ...(logFile === null ? [] : [['log', logFile] as [string, string]]),
]

/** The last words: a fault, and of a bounded run the number of rows, as the last line. */
export function finish({ terminal }: Parts, { exitCode, error, rows }: SessionEnd, bounded: boolean): ExitCode {
  if (error) throw error
  if (bounded) terminal.write(`rows: ${rows}\n`)
  return exitCode
}
