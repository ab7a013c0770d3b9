/** A position on its way into the group's offsets, inside of a transaction or not: its shape on the wire and who may write it. */
import { FatalError } from '../errors.ts'
import type { Membership } from '../runtime/seam.ts'
import { byTopic } from './partition-key.ts'
import { errorCode } from './wire/error-codes.ts'

export interface OffsetToCommit {
  readonly topic: string
  readonly partition: number
  /** Of the next record to be read. */
  readonly offset: number
  readonly leaderEpoch?: number
  /** At most 4 096 bytes (P10). */
  readonly metadata: string
}

/** The `topics` field of OffsetCommit and TxnOffsetCommit. */
export function topicsToCommit(offsets: readonly OffsetToCommit[]) {
  return byTopic(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch ?? -1,
    committedMetadata: metadata,
  }))
}

/** The first error code among the partitions of an answer, or NONE. */
export function firstCode(topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]): number {
  for (const { partitions } of topics) {
    for (const partition of partitions) if (partition.errorCode !== errorCode.NONE) return partition.errorCode
  }
  return errorCode.NONE
}

/** P1: the broker accepts an anonymous commit, even next to live members. @throws FatalError. */
export function refuseAnonymous({ generation, memberId }: Membership): void {
  if (generation < 0 || memberId === '') {
    throw new FatalError('Offsets may only be committed as a member of the group', { fields: { generation, memberId } })
  }
}
