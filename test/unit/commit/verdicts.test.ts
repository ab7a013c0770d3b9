import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorName, type RequestKind, type Verdict, verdictOf, verdictRows } from '../../../service/commit/verdicts.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'

/** What PROTOCOL P1–P5 and P11 ask for, row by row, written down a second time and by hand. */
const asked: readonly [RequestKind, ErrorName, Verdict][] = [
  ['Produce', 'CONCURRENT_TRANSACTIONS', 'retry-same'],
  ['Produce', 'NOT_ENOUGH_REPLICAS', 'retry-same'],
  ['Produce', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'abort'],
  ['Produce', 'NOT_LEADER_OR_FOLLOWER', 'abort'],
  ['Produce', 'UNKNOWN_TOPIC_OR_PARTITION', 'abort'],
  ['Produce', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'abort'],
  ['Produce', 'UNKNOWN_PRODUCER_ID', 'abort'],
  ['Produce', 'INVALID_TXN_STATE', 'abort'],
  ['Produce', 'TRANSACTION_ABORTABLE', 'abort'],
  ['Produce', 'REQUEST_TIMED_OUT', 'abort'],
  ['Produce', 'INVALID_PRODUCER_EPOCH', 'fenced'],
  ['Produce', 'PRODUCER_FENCED', 'fenced'],
  ['Produce', 'INVALID_PRODUCER_ID_MAPPING', 'fenced'],
  ['Produce', 'MESSAGE_TOO_LARGE', 'fatal'],
  ['Produce', 'RECORD_LIST_TOO_LARGE', 'fatal'],
  ['Produce', 'INVALID_TIMESTAMP', 'fatal'],
  ['Produce', 'TOPIC_AUTHORIZATION_FAILED', 'fatal'],
  ['TxnOffsetCommit', 'CONCURRENT_TRANSACTIONS', 'retry-same'],
  ['TxnOffsetCommit', 'COORDINATOR_LOAD_IN_PROGRESS', 'retry-same'],
  ['TxnOffsetCommit', 'NOT_COORDINATOR', 'refresh-and-retry'],
  ['TxnOffsetCommit', 'COORDINATOR_NOT_AVAILABLE', 'refresh-and-retry'],
  ['TxnOffsetCommit', 'ILLEGAL_GENERATION', 'abort'],
  ['TxnOffsetCommit', 'REBALANCE_IN_PROGRESS', 'abort'],
  ['TxnOffsetCommit', 'UNKNOWN_MEMBER_ID', 'lost'],
  ['TxnOffsetCommit', 'FENCED_INSTANCE_ID', 'fenced'],
  ['TxnOffsetCommit', 'INVALID_PRODUCER_EPOCH', 'fenced'],
  ['TxnOffsetCommit', 'UNKNOWN_SERVER_ERROR', 'abort'],
  ['TxnOffsetCommit', 'OFFSET_METADATA_TOO_LARGE', 'fatal'],
  ['TxnOffsetCommit', 'GROUP_AUTHORIZATION_FAILED', 'fatal'],
  ['EndTxn', 'CONCURRENT_TRANSACTIONS', 'retry-same'],
  ['EndTxn', 'COORDINATOR_LOAD_IN_PROGRESS', 'retry-same'],
  ['EndTxn', 'NOT_COORDINATOR', 'refresh-and-retry'],
  ['EndTxn', 'INVALID_TXN_STATE', 'abort'],
  ['EndTxn', 'PRODUCER_FENCED', 'fenced'],
  ['EndTxn', 'INVALID_PRODUCER_ID_MAPPING', 'fenced'],
  ['InitProducerId', 'UNKNOWN_SERVER_ERROR', 'abort'],
  ['InitProducerId', 'CONCURRENT_TRANSACTIONS', 'retry-same'],
  ['InitProducerId', 'NOT_COORDINATOR', 'refresh-and-retry'],
  ['InitProducerId', 'PRODUCER_FENCED', 'fenced'],
  ['InitProducerId', 'INVALID_PRODUCER_EPOCH', 'fenced'],
  ['InitProducerId', 'INVALID_PRODUCER_ID_MAPPING', 'fenced'],
  ['InitProducerId', 'INVALID_TRANSACTION_TIMEOUT', 'fatal'],
  ['InitProducerId', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'fatal'],
  ['OffsetFetch', 'NOT_COORDINATOR', 'refresh-and-retry'],
  ['OffsetFetch', 'GROUP_AUTHORIZATION_FAILED', 'fatal'],
  ['OffsetCommit', 'ILLEGAL_GENERATION', 'abort'],
  ['OffsetCommit', 'UNKNOWN_MEMBER_ID', 'lost'],
  ['Fetch', 'NOT_LEADER_OR_FOLLOWER', 'refresh-and-retry'],
  ['Fetch', 'FENCED_LEADER_EPOCH', 'refresh-and-retry'],
  ['Fetch', 'UNKNOWN_LEADER_EPOCH', 'refresh-and-retry'],
  ['Fetch', 'OFFSET_OUT_OF_RANGE', 'fatal'],
  ['Fetch', 'TOPIC_AUTHORIZATION_FAILED', 'fatal'],
  ['ListOffsets', 'OFFSET_NOT_AVAILABLE', 'refresh-and-retry'],
  ['OffsetForLeaderEpoch', 'FENCED_LEADER_EPOCH', 'refresh-and-retry'],
  ['OffsetForLeaderEpoch', 'TOPIC_AUTHORIZATION_FAILED', 'fatal'],
  ['JoinGroup', 'MEMBER_ID_REQUIRED', 'rejoin'],
  ['JoinGroup', 'UNKNOWN_MEMBER_ID', 'lost'],
  ['JoinGroup', 'FENCED_INSTANCE_ID', 'fatal'],
  ['JoinGroup', 'INCONSISTENT_GROUP_PROTOCOL', 'fatal'],
  ['JoinGroup', 'INVALID_SESSION_TIMEOUT', 'fatal'],
  ['SyncGroup', 'REBALANCE_IN_PROGRESS', 'rejoin'],
  ['SyncGroup', 'ILLEGAL_GENERATION', 'rejoin'],
  ['SyncGroup', 'UNKNOWN_MEMBER_ID', 'lost'],
  ['Heartbeat', 'REBALANCE_IN_PROGRESS', 'rejoin'],
  ['Heartbeat', 'ILLEGAL_GENERATION', 'lost'],
  ['Heartbeat', 'UNKNOWN_MEMBER_ID', 'lost'],
  ['Heartbeat', 'FENCED_INSTANCE_ID', 'fatal'],
]

describe('verdicts', () => {
  for (const [kind, name, verdict] of asked) {
    test(`${kind} ${name}: ${verdict}`, () => assert.equal(verdictOf(kind, errorCode[name]), verdict))
  }

  for (const [kind, { otherwise }] of Object.entries(verdictRows) as [RequestKind, (typeof verdictRows)[RequestKind]][]) {
    test(`${kind} with a code of the future: ${otherwise}`, () => assert.equal(verdictOf(kind, 9999), otherwise))
  }
})
