/** What the two health pages answer: alive is progress, not mere existence; ready is tasks assigned and running. */
import type { SupervisorStatus } from '../runtime/running.ts'

export interface Health {
  readonly ok: boolean
  readonly reasons: readonly string[]
  /** What keeps results back though all is well here. */
  readonly warnings: readonly string[]
}

const verdict = (reasons: readonly string[], warnings: readonly string[] = []): Health => ({
  ok: reasons.length === 0,
  reasons,
  warnings,
})

/** Fails for a worker that has work and has not moved for `timeoutMs` (P17), and for one that failed. `now` is monotonic. */
export function liveness(status: SupervisorStatus, now: number, timeoutMs: number): Health {
  if (status.state === 'failed') return verdict(status.reasons.length > 0 ? status.reasons : ['a fault stopped the workers'])
  const stuck = status.workers.filter(({ busy, lastProgressMs }) => busy && now - lastProgressMs > timeoutMs)
  return verdict(
    stuck.map(
      ({ worker, lastProgressMs }) =>
        `worker ${worker} has work and made no progress for ${Math.round(now - lastProgressMs)} ms (livenessTimeoutMs ${timeoutMs})`,
    ),
  )
}

/** Fails until every worker is in the group and every task that it was given runs. A partition that holds windows open is no failure. */
export function readiness({ state, reasons, workers, warnings }: SupervisorStatus): Health {
  if (state !== 'running') return verdict([`the workers are ${state}`, ...reasons], warnings)
  const joining = workers
    .filter(({ generation }) => generation < 0)
    .map(({ worker }) => `worker ${worker} has not joined the group yet`)
  const restoring = workers.flatMap(({ tasks }) => tasks.filter((task) => task.state === 'restoring').map(restoringReason))
  return verdict([...reasons, ...joining, ...restoring], warnings)
}

function restoringReason({ task, restoring }: SupervisorStatus['workers'][number]['tasks'][number]): string {
  if (restoring === undefined) return `task ${task} is being taken`
  return `task ${task} restores '${restoring.store}': ${restoring.done} of ${restoring.total} records`
}
