/** What a worker waits for as its supervisor sees it: its membership in the group, its tasks, and the partitions that hold windows open. */
import type { MemberView } from '../kafka/group-member.ts'
import type { TaskStatus } from './running.ts'
import type { HeldPartition, Wait } from './seam.ts'

export interface GroupFacts {
  /** It was given tasks, or none, since it last came into the group. */
  readonly isAssigned: boolean
  /** Of the member. */
  readonly tasks: number
  readonly tasksInAll: number
  /** Of the group, as of the last assignment. */
  readonly workers: number
  readonly sessionTimeoutMs: number
  /** Wall clock, ms. */
  readonly now: number
}

/** Heartbeats are at most a third of the session time-out apart: by then one has gone without an answer. */
const silentShare = 0.5

/** `member`: once the worker has been told to join. */
export function membershipWaits(member: MemberView, { now, sessionTimeoutMs, ...group }: GroupFacts): readonly Wait[] {
  const { phase, isMember, mustRejoin, silentMs, movedAt: since } = member
  if (phase === 'left' || phase === 'failed') return []
  if (!isMember || !group.isAssigned) return [{ waitingFor: 'membership', task: null, since, detail: outsideDetail(member) }]
  if (silentMs !== null && silentMs > silentShare * sessionTimeoutMs) {
    const detail = `has had no answer to its heartbeats: the group’s coordinator is unknown or away; after ${sessionTimeoutMs} ms (kafka.sessionTimeoutMs) it gives up its tasks`
    return [{ waitingFor: 'coordinator', task: null, since: now - Math.round(silentMs), detail }]
  }
  if (phase !== 'stable' || mustRejoin) return [{ waitingFor: 'rebalance', task: null, since, detail: rebalanceDetail(member) }]
  return group.tasks === 0 ? [{ task: null, since, ...withoutTasks(group) }] : []
}

function outsideDetail({ phase, lossReason }: MemberView): string {
  const lost = lossReason === '' ? '' : `; it lost its membership: ${lossReason}`
  if (phase === 'joining') return `waits for the group’s coordinator and for the other members to join${lost}`
  return `is not in the group${lost}`
}

const rebalanceDetail = ({ phase }: MemberView): string =>
  phase === 'revoking'
    ? 'rebalances: it ends the batch that has tasks which others get'
    : 'rebalances: it waits for the other members; the tasks that it keeps go on'

function withoutTasks({ tasksInAll, workers }: Pick<GroupFacts, 'tasksInAll' | 'workers'>): Pick<Wait, 'waitingFor' | 'detail'> {
  if (workers > tasksInAll) {
    const detail = `has no partitions assigned: ${workers} workers share ${tasksInAll} tasks; this is no fault, it stands by and takes over when another goes`
    return { waitingFor: 'assignment', detail }
  }
  return { waitingFor: 'rebalance', detail: 'has no partitions assigned yet: the others have still to give theirs up' }
}

/** None for a task that runs. */
export function taskWait({ task, state, restoring }: TaskStatus, since: number): readonly Wait[] {
  if (state === 'running') return []
  if (restoring === undefined) return [{ waitingFor: 'task', task, since, detail: 'is being taken' }]
  const { store, done, total } = restoring
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total)
  const detail = `restoring ${percent} %: ${done} of ${total} changelog records of store ${store}`
  return [{ waitingFor: 'restore', task, since, detail }]
}

export function waitForRecord({ topic, partition, since }: HeldPartition): Wait {
  const detail = `${topic}, partition ${partition}, is silent and holds windows open, as its source has idleAfter: false: set idleAfter, or send it a record`
  return { waitingFor: 'record', task: null, since, detail }
}
