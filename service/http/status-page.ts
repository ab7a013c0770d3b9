/** The page at `/`: what runs, in plain text, and where to look next. */
import type { SupervisorStatus, WorkerStatus } from '../runtime/running.ts'
import { readiness, sentencesOf } from './health.ts'

export interface StatusPageInput {
  readonly application: string
  readonly status: SupervisorStatus
}

export function statusPage({ application, status }: StatusPageInput): string {
  const { reasons, warnings } = readiness(status)
  const notes = sentencesOf(status.reasons, 'none')
  const since = new Date(status.since).toISOString()
  return [
    `caudal · ${application} · ${status.state} since ${since}`,
    '',
    ...status.workers.map(workerLine),
    ...(reasons.length > 0 ? ['', 'Not ready:', ...reasons.map((reason) => `  ${reason}`)] : []),
    ...(warnings.length > 0 ? ['', 'Waiting:', ...warnings.map((warning) => `  ${warning}`)] : []),
    ...(notes.length > 0 ? ['', 'As it should be:', ...notes.map((note) => `  ${note}`)] : []),
    '',
    '/topology       what runs here',
    '/metrics        figures for Prometheus',
    '/health         what is waited for, and since when',
    '/health/live    does it make progress',
    '/health/ready   do all tasks run',
    '',
  ].join('\n')
}

function workerLine({ worker, memberId, generation, tasks, busy }: WorkerStatus): string {
  const joined = generation < 0 ? 'not in the group' : `generation ${generation}, member ${memberId}`
  const listed = tasks.map(({ task, state }) => (state === 'running' ? task : `${task} (${state})`))
  return `worker ${worker}: ${joined}, ${busy ? 'busy' : 'idle'}, ${tasks.length} tasks${listed.length > 0 ? `: ${listed.join(' ')}` : ''}`
}
