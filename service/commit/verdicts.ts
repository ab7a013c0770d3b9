/** What an error code of Kafka means for whoever asked: one table, by kind of request (P1–P5). */
import { errorCode, errorName } from '../kafka/wire/error-codes.ts'

/**
 * - `retry-same`: the same request to the same node, for a bounded time.
 * - `refresh-and-retry`: ask who leads or coordinates, then the same request there.
 * - `abort`: the transaction is dead; abort it, renew the epoch, take all tasks again (RetakeError).
 * - `fenced`: somebody else has the transactional id or the instance id (FencedError, P4).
 * - `lost`: the membership is gone (LostError, P1).
 * - `rejoin`: still a member, but the group rebalances (group requests only).
 * - `fatal`: nothing that this process can do will mend it (FatalError).
 */
export type Verdict = 'retry-same' | 'refresh-and-retry' | 'abort' | 'fenced' | 'lost' | 'rejoin' | 'fatal'
export type ErrorName = keyof typeof errorCode

interface Rows {
  readonly rows: Readonly<Partial<Record<ErrorName, Verdict>>>
  /** For a code without a row, one that is newer than this table included. */
  readonly otherwise: Verdict
}

const coordinatorMoves = {
  COORDINATOR_LOAD_IN_PROGRESS: 'retry-same',
  COORDINATOR_NOT_AVAILABLE: 'refresh-and-retry',
  NOT_COORDINATOR: 'refresh-and-retry',
} as const

const leaderMoves = {
  NOT_LEADER_OR_FOLLOWER: 'refresh-and-retry',
  LEADER_NOT_AVAILABLE: 'refresh-and-retry',
  UNKNOWN_TOPIC_OR_PARTITION: 'refresh-and-retry',
  UNKNOWN_TOPIC_ID: 'refresh-and-retry',
  FENCED_LEADER_EPOCH: 'refresh-and-retry',
  UNKNOWN_LEADER_EPOCH: 'refresh-and-retry',
  REPLICA_NOT_AVAILABLE: 'refresh-and-retry',
  KAFKA_STORAGE_ERROR: 'refresh-and-retry',
  OFFSET_NOT_AVAILABLE: 'refresh-and-retry',
  BROKER_NOT_AVAILABLE: 'refresh-and-retry',
  REQUEST_TIMED_OUT: 'refresh-and-retry',
  NETWORK_EXCEPTION: 'refresh-and-retry',
  UNKNOWN_SERVER_ERROR: 'refresh-and-retry',
} as const

const notAllowed = {
  TOPIC_AUTHORIZATION_FAILED: 'fatal',
  GROUP_AUTHORIZATION_FAILED: 'fatal',
  CLUSTER_AUTHORIZATION_FAILED: 'fatal',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'fatal',
  UNSUPPORTED_VERSION: 'fatal',
} as const

const producerReplaced = {
  PRODUCER_FENCED: 'fenced',
  INVALID_PRODUCER_EPOCH: 'fenced',
  INVALID_PRODUCER_ID_MAPPING: 'fenced',
} as const

const groupMember = {
  ...coordinatorMoves,
  ...notAllowed,
  UNKNOWN_MEMBER_ID: 'lost',
  REBALANCE_IN_PROGRESS: 'rejoin',
  FENCED_INSTANCE_ID: 'fatal',
  REQUEST_TIMED_OUT: 'retry-same',
  UNKNOWN_SERVER_ERROR: 'refresh-and-retry',
} as const

const table = {
  FindCoordinator: {
    rows: { ...coordinatorMoves, ...notAllowed, REQUEST_TIMED_OUT: 'retry-same' },
    otherwise: 'refresh-and-retry',
  },
  Metadata: { rows: { ...leaderMoves, ...notAllowed, INVALID_TOPIC_EXCEPTION: 'fatal' }, otherwise: 'refresh-and-retry' },

  InitProducerId: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      ...producerReplaced,
      CONCURRENT_TRANSACTIONS: 'retry-same',
      REQUEST_TIMED_OUT: 'retry-same',
      // The producer looks for used-up epochs (P7) before it acts on this: elsewhere a nameless start would be a twin's weapon (P4).
      UNKNOWN_SERVER_ERROR: 'abort',
      INVALID_TRANSACTION_TIMEOUT: 'fatal',
    },
    otherwise: 'abort',
  },
  // Protocol 1 waits here for the last transaction of this id to be completed; a topic may be too new for the coordinator to know it.
  AddPartitionsToTxn: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      ...producerReplaced,
      CONCURRENT_TRANSACTIONS: 'retry-same',
      UNKNOWN_TOPIC_OR_PARTITION: 'retry-same',
    },
    otherwise: 'abort',
  },
  AddOffsetsToTxn: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      ...producerReplaced,
      CONCURRENT_TRANSACTIONS: 'retry-same',
      INVALID_GROUP_ID: 'fatal',
    },
    otherwise: 'abort',
  },
  Produce: {
    rows: {
      ...notAllowed,
      ...producerReplaced,
      // P5: the last transaction of this id is still being completed, or the partition's entry in it is not verified yet.
      CONCURRENT_TRANSACTIONS: 'retry-same',
      NOT_ENOUGH_REPLICAS: 'retry-same',
      MESSAGE_TOO_LARGE: 'fatal',
      RECORD_LIST_TOO_LARGE: 'fatal',
      INVALID_TIMESTAMP: 'fatal',
      INVALID_RECORD: 'fatal',
      INVALID_TOPIC_EXCEPTION: 'fatal',
      INVALID_REQUIRED_ACKS: 'fatal',
      UNSUPPORTED_COMPRESSION_TYPE: 'fatal',
      UNSUPPORTED_FOR_MESSAGE_FORMAT: 'fatal',
      POLICY_VIOLATION: 'fatal',
    },
    // A moved leader too: whether it took the batch is unknown, and a new sequence of sends is only safe under a new epoch.
    otherwise: 'abort',
  },
  TxnOffsetCommit: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      ...producerReplaced,
      CONCURRENT_TRANSACTIONS: 'retry-same',
      UNKNOWN_MEMBER_ID: 'lost',
      // The heartbeat that follows a FencedError learns whether another process has the instance id.
      FENCED_INSTANCE_ID: 'fenced',
      // The producer looks for P1's exception before it acts on this.
      ILLEGAL_GENERATION: 'abort',
      OFFSET_METADATA_TOO_LARGE: 'fatal',
      INVALID_COMMIT_OFFSET_SIZE: 'fatal',
      INVALID_GROUP_ID: 'fatal',
    },
    otherwise: 'abort',
  },
  EndTxn: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      ...producerReplaced,
      CONCURRENT_TRANSACTIONS: 'retry-same',
      // Repeating it is safe: the coordinator knows what it has just completed, under either protocol.
      REQUEST_TIMED_OUT: 'retry-same',
      UNKNOWN_SERVER_ERROR: 'refresh-and-retry',
    },
    otherwise: 'abort',
  },

  OffsetFetch: {
    rows: { ...leaderMoves, ...coordinatorMoves, ...notAllowed, INVALID_GROUP_ID: 'fatal' },
    otherwise: 'refresh-and-retry',
  },
  OffsetCommit: {
    rows: {
      ...coordinatorMoves,
      ...notAllowed,
      UNKNOWN_MEMBER_ID: 'lost',
      FENCED_INSTANCE_ID: 'fenced',
      ILLEGAL_GENERATION: 'abort',
      REBALANCE_IN_PROGRESS: 'abort',
      REQUEST_TIMED_OUT: 'retry-same',
      UNKNOWN_TOPIC_OR_PARTITION: 'refresh-and-retry',
      UNKNOWN_SERVER_ERROR: 'refresh-and-retry',
      OFFSET_METADATA_TOO_LARGE: 'fatal',
      INVALID_COMMIT_OFFSET_SIZE: 'fatal',
      INVALID_GROUP_ID: 'fatal',
    },
    otherwise: 'abort',
  },

  Fetch: {
    rows: {
      ...leaderMoves,
      ...notAllowed,
      // The fetcher first asks for the ends of the log: only a position that is really outside of it is fatal.
      OFFSET_OUT_OF_RANGE: 'fatal',
      CORRUPT_MESSAGE: 'fatal',
      UNSUPPORTED_COMPRESSION_TYPE: 'fatal',
    },
    otherwise: 'refresh-and-retry',
  },
  ListOffsets: {
    rows: { ...leaderMoves, ...notAllowed, UNSUPPORTED_FOR_MESSAGE_FORMAT: 'fatal' },
    otherwise: 'refresh-and-retry',
  },
  OffsetForLeaderEpoch: { rows: { ...leaderMoves, ...notAllowed }, otherwise: 'refresh-and-retry' },
  DescribeProducers: {
    rows: { ...leaderMoves, ...notAllowed, INVALID_TOPIC_EXCEPTION: 'fatal' },
    otherwise: 'refresh-and-retry',
  },
  ListTransactions: { rows: { ...coordinatorMoves, ...notAllowed }, otherwise: 'refresh-and-retry' },
  DeleteRecords: {
    rows: {
      ...leaderMoves,
      ...notAllowed,
      OFFSET_OUT_OF_RANGE: 'fatal',
      POLICY_VIOLATION: 'fatal',
      INVALID_TOPIC_EXCEPTION: 'fatal',
    },
    otherwise: 'refresh-and-retry',
  },
  CreateTopics: {
    rows: {
      REQUEST_TIMED_OUT: 'retry-same',
      NOT_CONTROLLER: 'refresh-and-retry',
      THROTTLING_QUOTA_EXCEEDED: 'retry-same',
      UNKNOWN_SERVER_ERROR: 'refresh-and-retry',
    },
    otherwise: 'fatal',
  },
  DescribeConfigs: { rows: { ...leaderMoves, ...notAllowed }, otherwise: 'fatal' },

  JoinGroup: {
    rows: { ...groupMember, MEMBER_ID_REQUIRED: 'rejoin', ILLEGAL_GENERATION: 'lost', GROUP_MAX_SIZE_REACHED: 'fatal' },
    otherwise: 'fatal',
  },
  // The generation went on without this member's SyncGroup; it is still a member by its id.
  SyncGroup: { rows: { ...groupMember, ILLEGAL_GENERATION: 'rejoin' }, otherwise: 'fatal' },
  Heartbeat: { rows: { ...groupMember, ILLEGAL_GENERATION: 'lost' }, otherwise: 'fatal' },
  LeaveGroup: { rows: { ...groupMember }, otherwise: 'fatal' },
} as const satisfies Record<string, Rows>

export type RequestKind = keyof typeof table

/** The rows of the table, for its test. */
export const verdictRows: Readonly<Record<RequestKind, Rows>> = table

/** What `code` (not NONE) means for whoever sent a request of this kind. */
export function verdictOf(kind: RequestKind, code: number): Verdict {
  const { rows, otherwise } = verdictRows[kind]
  // A code that is newer than the list has a name without a row.
  const row = rows[errorName(code) as ErrorName]
  return row ?? otherwise
}

/** True when the same request may simply be sent again, here or to another node. */
export function isRetry(verdict: Verdict): boolean {
  return verdict === 'retry-same' || verdict === 'refresh-and-retry'
}
