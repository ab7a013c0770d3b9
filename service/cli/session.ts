/** Runs a topology until it is told to stop, ends, or its time is up: what `run` and `dev` share. */
import { type Configuration, printable } from '../config.ts'
import { describe } from '../topology/describe.ts'
import { graphOf } from '../topology/graph.ts'
import type { HttpServer } from '../http/http-server.ts'
import type { Log } from '../log.ts'
import type {
  ExitCode,
  Reason,
  Rows,
  RunningSupervisor,
  StartOptions,
  SupervisorStatus,
  WireFactory,
} from '../runtime/running.ts'
import { Closings } from './closings.ts'
import type { LoadedTopology } from './invocation.ts'
import { type Observation, Observer } from './observation.ts'
import type { Parts } from './parts.ts'
import type { StopRequest } from './stop-request.ts'
import { topicsOf } from './topology-topics.ts'
import type { View } from './view.ts'

export interface SessionOptions {
  readonly parts: Parts
  readonly loaded: LoadedTopology
  readonly configuration: Configuration
  readonly log: Log
  readonly stop: StopRequest
  readonly seconds: number | undefined
  readonly openView: (url: string) => View
  readonly wireFactory?: WireFactory
  /** Called at each look at the topology, for what else the view shows. */
  readonly onLook?: (view: View) => void
  /** Awaited between the wish to stop and the stop. */
  readonly beforeStop?: (observe: () => Observation) => Promise<void>
}

export interface SessionEnd {
  readonly exitCode: ExitCode
  readonly error?: Error
  readonly last: Observation
  /** Committed to output topics, or printed. */
  readonly rows: number
  readonly view: View
}

/** Between two looks at a running topology. */
const lookEveryMs = 250

/** @throws CaudalError of a start that failed; faults of a running topology are in the result. */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  const { parts, configuration, loaded, log } = options
  const application = configuration.applicationId ?? loaded.definition.name
  const { internal } = topicsOf(loaded.definition, application)
  const observer = new Observer((topic) => internal.has(topic))
  let supervisor: RunningSupervisor | undefined
  const since = parts.clock.now()
  let phase = { since, detail: 'starts' }
  const onPhase = (detail: string) => {
    phase = { since: parts.clock.now(), detail }
  }
  const status = () => supervisor?.status() ?? startingSince(since, phase)
  const snapshots = () => supervisor?.metricsSnapshots() ?? []
  const observe = () => observer.observe(status(), snapshots(), parts.clock.monotonic())
  log.info({ configuration: printable(configuration), file: loaded.file }, 'starting')
  const http = await openHttp(options, { application, status, snapshots })
  const view = options.openView(http.url)
  let printed = 0
  const onRows = ({ sink, lines, time }: Rows) => {
    printed += lines.length
    view.rows(lines.map((text) => ({ from: sink, text, time })))
  }
  const closings = new Closings()
  const look = () => {
    const observation = observe()
    options.onLook?.(view)
    for (const line of closings.news(observation.closed)) view.note(line)
    view.show(observation)
    return observation
  }
  try {
    const starting = start(options, { onRows, onPhase })
    supervisor = await whileShown(starting, () => view.show(observe()), options)
    await untilOver(supervisor, options, look)
    await options.beforeStop?.(observe)
    const stopped = supervisor.stop()
    await whileShown(stopped, look, options)
    const { exitCode, error } = await supervisor.outcome
    const last = look()
    return { exitCode, ...(error ? { error } : {}), last, rows: last.recordsOut + printed, view }
  } finally {
    view.close()
    await http.close()
  }
}

interface HttpContext {
  readonly application: string
  readonly status: () => SupervisorStatus
  readonly snapshots: () => readonly unknown[]
}

function openHttp({ parts, configuration, loaded }: SessionOptions, context: HttpContext): Promise<HttpServer> {
  const { http, livenessTimeoutMs } = configuration
  const description = describe(graphOf(loaded.definition), context.application)
  const { application, status, snapshots: metricsSnapshots } = context
  return parts.startHttpServer({
    ...http,
    application,
    description,
    livenessTimeoutMs,
    clock: parts.clock,
    status,
    metricsSnapshots,
  })
}

function start(
  { parts, configuration, loaded, log, stop, wireFactory }: SessionOptions,
  heard: Required<Pick<StartOptions, 'onRows' | 'onPhase'>>,
) {
  const { url: topologyUrl, exportName } = loaded
  const optional = wireFactory ? { wireFactory } : {}
  return parts.startSupervisor({ configuration, topologyUrl, exportName, log, ...heard, signal: stop.signal, ...optional })
}

/** Shows, again and again, until `step` has settled. */
async function whileShown<T>(step: Promise<T>, show: () => void, { parts }: SessionOptions): Promise<T> {
  const over = new AbortController()
  const settled = step.finally(() => over.abort())
  const shown = (async () => {
    while (!over.signal.aborted) {
      show()
      await parts.clock.sleep(lookEveryMs, over.signal)
    }
  })()
  const [result] = await Promise.all([settled, shown])
  return result
}

/** Until the wish to stop, the end of the time, or the end of the topology itself. */
async function untilOver(
  supervisor: RunningSupervisor,
  { parts, stop, seconds }: SessionOptions,
  show: () => void,
): Promise<void> {
  const { clock } = parts
  const over = new AbortController()
  const wake = AbortSignal.any([over.signal, stop.signal])
  void supervisor.outcome.then(() => over.abort())
  const until = seconds === undefined ? Infinity : clock.monotonic() + seconds * 1000
  while (!wake.aborted && clock.monotonic() < until) {
    show()
    await clock.sleep(Math.max(0, Math.min(lookEveryMs, until - clock.monotonic())), wake)
  }
  // From here on a stop is under way, with its time limit.
  stop.ask()
}

const startingSince = (since: number, phase: Pick<Reason, 'since' | 'detail'>): SupervisorStatus => ({
  state: 'starting',
  since,
  workers: [],
  reasons: [{ waitingFor: 'start', worker: null, task: null, ...phase }],
})
