/** What the health pages answer: alive is progress, not mere existence; ready is tasks assigned and restored; and why, in each case. */
import type { Reason, SupervisorState, SupervisorStatus } from '../runtime/running.ts'
import type { WaitingFor } from '../runtime/seam.ts'

export interface Health {
  readonly ok: boolean
  readonly reasons: readonly string[]
  /** What keeps results back though all is well here. */
  readonly warnings: readonly string[]
}

/** `unready`: work has stopped, or has not begun. `delayed`: some results come later. `none`: this is as it should be. */
export type Effect = 'unready' | 'delayed' | 'none'

/** What a reason does to the answer of `/health/ready`. */
export const effects: Readonly<Record<WaitingFor, Effect>> = {
  start: 'unready',
  membership: 'unready',
  coordinator: 'unready',
  progress: 'unready',
  task: 'unready',
  restore: 'unready',
  store: 'unready',
  registry: 'unready',
  producer: 'unready',
  // One broker of several, as in a rolling restart. With all of them the coordinator is away too.
  kafka: 'delayed',
  rebalance: 'delayed',
  transaction: 'delayed',
  record: 'delayed',
  assignment: 'none',
}

/** The page `/health`, as JSON. */
export interface HealthReport {
  readonly application: string
  readonly state: SupervisorState
  /** Since when the state is that, as ISO 8601. */
  readonly since: string
  readonly live: boolean
  readonly ready: boolean
  /** Why it is not live. */
  readonly faults: readonly string[]
  readonly reasons: readonly ReportedReason[]
}

export interface ReportedReason {
  readonly effect: Effect
  readonly waitingFor: WaitingFor
  readonly worker: number | null
  readonly task: string | null
  /** ISO 8601. */
  readonly since: string
  readonly detail: string
}

export interface HealthQuestion {
  readonly application: string
  readonly status: SupervisorStatus
  /** Monotonic, ms. */
  readonly now: number
  readonly livenessTimeoutMs: number
}

const verdict = (reasons: readonly string[], warnings: readonly string[] = []): Health => ({
  ok: reasons.length === 0,
  reasons,
  warnings,
})

/**
 * Fails for a worker that has work and has not moved for `timeoutMs` (P17), for one that hangs in a membership which its heartbeats no
 * longer hold, and for one that failed. What is away and awaited is no death: a restart would mend nothing. `now` is monotonic.
 */
export function liveness({ state, workers }: SupervisorStatus, now: number, timeoutMs: number): Health {
  if (state === 'failed') return verdict(['a fault stopped the workers: the log has it'])
  return verdict(
    workers.flatMap(({ worker, busy, lastProgressMs, silentMs, sessionTimeoutMs }) => {
      const stoodFor = Math.round(now - lastProgressMs)
      const stuck = `worker ${worker} has work and made no progress for ${stoodFor} ms (livenessTimeoutMs ${timeoutMs})`
      // A session after its last answer a member gives up by itself, whatever is away.
      const isMute = silentMs !== null && silentMs > sessionTimeoutMs + timeoutMs
      const mute = `worker ${worker} is a member of the group without an answer to a heartbeat for ${Math.round(silentMs ?? 0)} ms (livenessTimeoutMs ${timeoutMs} past kafka.sessionTimeoutMs ${sessionTimeoutMs})`
      return [...(busy && stoodFor > timeoutMs ? [stuck] : []), ...(isMute ? [mute] : [])]
    }),
  )
}

/** Fails until every worker is in the group and every task that it was given runs, and while what they need is away. */
export function readiness({ state, reasons }: SupervisorStatus): Health {
  const stopped = state === 'running' ? [] : [`the workers are ${state}`]
  return verdict([...stopped, ...sentencesOf(reasons, 'unready')], sentencesOf(reasons, 'delayed'))
}

/** Everything that is known, with what does no harm. */
export function healthReport({ application, status, now, livenessTimeoutMs }: HealthQuestion): HealthReport {
  const live = liveness(status, now, livenessTimeoutMs)
  return {
    application,
    state: status.state,
    since: iso(status.since),
    live: live.ok,
    ready: readiness(status).ok,
    faults: live.reasons,
    reasons: status.reasons.map(({ waitingFor, worker, task, since, detail }) => ({
      effect: effects[waitingFor],
      waitingFor,
      worker,
      task,
      since: iso(since),
      detail,
    })),
  }
}

/** The page `/health`, for a terminal. */
export function healthText({ application, state, since, live, ready, faults, reasons }: HealthReport): string {
  const lines = reasons.map((reason) => `${reason.effect.padEnd(8)} ${sentence(reason)}`)
  return [
    `${application} is ${state} since ${since}: ${live ? 'live' : 'not live'}, ${ready ? 'ready' : 'not ready'}`,
    ...faults.map((fault) => `fault    ${fault}`),
    ...lines,
    '',
  ].join('\n')
}

/** The reasons with such an effect, as sentences. */
export const sentencesOf = (reasons: readonly Reason[], effect: Effect): readonly string[] =>
  reasons
    .filter(({ waitingFor }) => effects[waitingFor] === effect)
    .map((reason) => sentence({ ...reason, since: iso(reason.since) }))

function sentence({ worker, task, detail, since }: Pick<ReportedReason, 'worker' | 'task' | 'detail' | 'since'>): string {
  const who = [...(worker === null ? [] : [`worker ${worker}`]), ...(task === null ? [] : [`task ${task}`])].join(', ')
  return `${who === '' ? '' : `${who}: `}${detail} (since ${since})`
}

const iso = (time: number): string => new Date(time).toISOString()
