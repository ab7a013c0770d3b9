/** Who gets which tasks: sticky, even, and in two phases, so that no task ever runs at two members (P16, KIP-429). Pure. */
import { parseTaskId, type TaskId } from '../task-id.ts'

export interface AssignmentMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly fingerprint: string
  readonly transactionalIds: readonly string[]
  /** What it owns, as it says itself. */
  readonly tasks: readonly TaskId[]
  /** The generation that gave it `tasks`; of two that claim one task the higher is believed. */
  readonly generation: number
}

export interface GroupAssignment {
  /** By member id; every member has an entry. */
  readonly tasks: ReadonlyMap<string, readonly TaskId[]>
  /** The topology that the group runs. */
  readonly fingerprint: string
  /** Members that run another topology: they get nothing. */
  readonly refused: readonly string[]
  /** Transactional ids of all members (P9). */
  readonly liveIds: readonly string[]
  /** Tasks that are on their way: their owner gives them up in this generation, the next one has them. */
  readonly withheld: readonly TaskId[]
}

/** Assigns `allTasks`; `leaderFingerprint` decides only where no member owns anything yet. */
export function assignTasks(
  members: readonly AssignmentMember[],
  allTasks: readonly TaskId[],
  leaderFingerprint: string,
): GroupAssignment {
  const fingerprint = presentFingerprint(members, leaderFingerprint)
  const accepted = members.filter((member) => member.fingerprint === fingerprint)
  const refused = members.filter((member) => member.fingerprint !== fingerprint).map(({ memberId }) => memberId)
  const wanted = spread(accepted, allTasks.toSorted(compareTasks))
  const withheld: TaskId[] = []
  const tasks = new Map<string, readonly TaskId[]>()
  for (const { memberId } of members) {
    const now = (wanted.get(memberId) ?? []).filter((task) => !isClaimedByAnother(members, memberId, task))
    for (const task of wanted.get(memberId) ?? []) if (!now.includes(task)) withheld.push(task)
    tasks.set(memberId, now)
  }
  const liveIds = [...new Set(members.flatMap(({ transactionalIds }) => transactionalIds))]
  return { tasks, fingerprint, refused, liveIds, withheld }
}

/** Tasks by sub-topology, then partition. */
function compareTasks(a: TaskId, b: TaskId): number {
  const [left, right] = [parseTaskId(a), parseTaskId(b)]
  return left.subtopology - right.subtopology || left.partition - right.partition
}

/** What the owners of tasks run stays; newcomers with another topology have to wait until those are gone. */
function presentFingerprint(members: readonly AssignmentMember[], leaderFingerprint: string): string {
  let newest: AssignmentMember | undefined
  for (const member of members) {
    if (member.tasks.length > 0 && (newest === undefined || member.generation > newest.generation)) newest = member
  }
  return newest?.fingerprint ?? leaderFingerprint
}

/** Whoever says it has the task, be it by an old generation, may still be running it. */
function isClaimedByAnother(members: readonly AssignmentMember[], memberId: string, task: TaskId): boolean {
  return members.some((member) => member.memberId !== memberId && member.tasks.includes(task))
}

/** The even target: owners keep up to their quota, the rest goes to whoever has least. */
function spread(members: readonly AssignmentMember[], tasks: readonly TaskId[]): Map<string, TaskId[]> {
  const target = new Map<string, TaskId[]>(members.map(({ memberId }) => [memberId, []]))
  if (members.length === 0) return target
  const owned = ownedBy(members, tasks)
  const order = members.toSorted(
    (a, b) => (owned.get(b.memberId)?.length ?? 0) - (owned.get(a.memberId)?.length ?? 0) || compareNames(a, b),
  )
  const least = Math.floor(tasks.length / members.length)
  let extras = tasks.length % members.length
  const kept = new Set<TaskId>()
  for (const { memberId } of order) {
    const keep = alternating(owned.get(memberId) ?? []).slice(0, least + (extras > 0 ? 1 : 0))
    if (keep.length > least) extras--
    target.set(memberId, keep)
    for (const task of keep) kept.add(task)
  }
  for (const task of tasks) if (!kept.has(task)) target.get(leastLoaded(order, target, task))?.push(task)
  for (const list of target.values()) list.sort(compareTasks)
  return target
}

function ownedBy(members: readonly AssignmentMember[], tasks: readonly TaskId[]): Map<string, TaskId[]> {
  const owned = new Map<string, TaskId[]>()
  for (const task of tasks) {
    let owner: AssignmentMember | undefined
    for (const member of members) if (member.tasks.includes(task) && member.generation > (owner?.generation ?? -1)) owner = member
    if (owner) owned.set(owner.memberId, [...(owned.get(owner.memberId) ?? []), task])
  }
  return owned
}

/** One task of each sub-topology in turn: who has to give some up keeps a mixture. */
function alternating(tasks: readonly TaskId[]): TaskId[] {
  const ranks = new Map<TaskId, number>()
  const seen = new Map<number, number>()
  for (const task of tasks) {
    const { subtopology } = parseTaskId(task)
    const rank = seen.get(subtopology) ?? 0
    seen.set(subtopology, rank + 1)
    ranks.set(task, rank)
  }
  return tasks.toSorted((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0) || compareTasks(a, b))
}

function leastLoaded(order: readonly AssignmentMember[], target: ReadonlyMap<string, readonly TaskId[]>, task: TaskId): string {
  const { subtopology } = parseTaskId(task)
  let best = ''
  let bestLoad = Number.POSITIVE_INFINITY
  for (const { memberId } of order) {
    const list = target.get(memberId) ?? []
    // Among equals, whoever has fewest tasks of this sub-topology: they are of a kind, and so is their load.
    const load = list.length + list.filter((other) => parseTaskId(other).subtopology === subtopology).length / (list.length + 1)
    if (load < bestLoad) {
      best = memberId
      bestLoad = load
    }
  }
  return best
}

function compareNames(a: AssignmentMember, b: AssignmentMember): number {
  const [left, right] = [a.instanceId ?? a.memberId, b.instanceId ?? b.memberId]
  return left < right ? -1 : left > right ? 1 : 0
}
