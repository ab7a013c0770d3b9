/** A group with one member, for the tests of what a transaction commits. */
import assert from 'node:assert/strict'
import { encodeSubscription } from '../../../service/kafka/consumer-protocol.ts'
import { GroupRequests } from '../../../service/kafka/group-requests.ts'
import { fetchStableOffsets, partitionKey } from '../../../service/kafka/offsets.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import type { Membership } from '../../../service/runtime/seam.ts'
import { type Bed, eventually } from './bed.ts'

/** A member of a group of its own, without the loop around it. */
export async function member(bed: Bed, group: string): Promise<Membership & { next(): Promise<Membership> }> {
  const { cluster } = bed
  const requests = new GroupRequests({
    cluster,
    groupId: group,
    instanceId: null,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 6_000,
    heartbeatIntervalMs: 1_000,
    purpose: group,
    signal: new AbortController().signal,
  })
  let round = 0
  const join = async (memberId: string): Promise<Membership> => {
    const data = { fingerprint: 'f', transactionalIds: ['t'], tasks: [], generation: round++ }
    const joined = await requests.join(memberId, encodeSubscription([], [], data))
    assert.ok(joined)
    const { answer, code } = joined
    if (code === errorCode.MEMBER_ID_REQUIRED) return join(answer.memberId)
    const assignments = [{ memberId: answer.memberId, assignment: Buffer.alloc(0) }]
    await requests.sync(answer.generationId, answer.memberId, assignments)
    return { generation: answer.generationId, memberId: answer.memberId, instanceId: null }
  }
  const first = await join('')
  return { ...first, next: () => join(first.memberId) }
}

/** What the group has committed of partition 0, −1 for nothing. */
export async function committed(bed: Bed, group: string, topic: string): Promise<number> {
  let offset = -2
  await eventually('stable offsets', async () => {
    const found = await fetchStableOffsets(bed.cluster, group, [{ topic, partition: 0 }])
    if (found === 'unstable') return false
    offset = found.get(partitionKey(topic, 0))?.offset ?? -2
    return true
  })
  return offset
}
