/** What the leader of the group answers in its SyncGroup: everybody's assignment, from everybody's subscription. */
import type { TaskId } from '../task-id.ts'
import { assignTasks, type GroupAssignment } from './assignment.ts'
import { decodeSubscription, encodeAssignment, type TopicPartitions } from './consumer-protocol.ts'
import type { AnswerOf, RequestOf } from './wire/messages.ts'

export interface LeaderOptions {
  readonly fingerprint: string
  readonly allTasks: () => readonly TaskId[]
  readonly taskPartitions: (tasks: readonly TaskId[]) => TopicPartitions
}

export interface LeaderDecision {
  readonly result: GroupAssignment
  readonly assignments: RequestOf<'SyncGroup'>['assignments']
}

/** Pure, but for what `allTasks` looks at. @throws FatalError for a member that is no caudal. */
export function leaderDecision(members: AnswerOf<'JoinGroup'>['members'], options: LeaderOptions): LeaderDecision {
  const { fingerprint, allTasks, taskPartitions } = options
  const joined = members.map(({ memberId, groupInstanceId, metadata }) => ({
    ...decodeSubscription(metadata),
    memberId,
    instanceId: groupInstanceId,
  }))
  const result = assignTasks(joined, allTasks(), fingerprint)
  const assignments = members.map(({ memberId }) => {
    const tasks = result.tasks.get(memberId) ?? []
    const refused = result.refused.includes(memberId) ? [memberId] : []
    const unfinished = result.withheld.length > 0 ? { unfinishedFor: memberId } : {}
    const data = {
      fingerprint: result.fingerprint,
      liveIds: result.liveIds,
      members: members.length,
      tasks,
      refused,
      ...unfinished,
    }
    return { memberId, assignment: encodeAssignment(taskPartitions(tasks), data) }
  })
  return { result, assignments }
}
