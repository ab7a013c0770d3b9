/** The errors that answers of Kafka become: the class by verdict, the message with what to do about it. */
import { type CaudalError, ConnectionError, FatalError, FencedError, KafkaError, LostError, RetakeError } from '../errors.ts'
import { errorName } from '../kafka/wire/error-codes.ts'
import { type ErrorName, type RequestKind, verdictOf } from './verdicts.ts'

const advice: Readonly<Partial<Record<ErrorName, string>>> = {
  TOPIC_AUTHORIZATION_FAILED: 'give this user the rights to read, write and describe the topic',
  GROUP_AUTHORIZATION_FAILED: 'give this user the right to read the group',
  CLUSTER_AUTHORIZATION_FAILED: 'give this user the right to describe the cluster and to write idempotently',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    'give this user the right to write and describe transactional ids with the prefix of the application',
  INVALID_TRANSACTION_TIMEOUT: 'the transaction time-out is above transaction.max.timeout.ms of the broker',
  INVALID_SESSION_TIMEOUT:
    'the session time-out is outside of group.min.session.timeout.ms and group.max.session.timeout.ms of the broker',
  INCONSISTENT_GROUP_PROTOCOL:
    'consumers of another kind are in the group with this id: stop them, or choose another application id',
  FENCED_INSTANCE_ID: 'another process has this instance id: give each process its own',
  GROUP_MAX_SIZE_REACHED: 'the group has as many members as group.max.size of the broker allows',
  MESSAGE_TOO_LARGE: 'a record is larger than max.message.bytes of its topic',
  RECORD_LIST_TOO_LARGE: 'a batch is larger than segment.bytes of its topic',
  INVALID_TIMESTAMP:
    'a record is further from the clock of the broker than message.timestamp.before.max.ms or message.timestamp.after.max.ms of its topic allow',
  OFFSET_METADATA_TOO_LARGE: 'the metadata of an offset is longer than offset.metadata.max.bytes of the broker',
  UNSUPPORTED_VERSION: 'the broker is too old or too new for this request',
}

/** The error that `code` of an answer becomes; `fields` (topic, partition, group…) go into the message and along with it. */
export function errorOf(kind: RequestKind, code: number, fields: Readonly<Record<string, unknown>> = {}): CaudalError {
  const name = errorName(code) as ErrorName
  const hint = advice[name]
  const message = `${kind}${whereOf(fields)}: ${name}${hint === undefined ? '' : `; ${hint}`}`
  const options = { fields: { ...fields, request: kind, errorCode: code, errorName: name } }
  switch (verdictOf(kind, code)) {
    case 'fatal':
      return new FatalError(message, options)
    case 'fenced':
      return new FencedError(message, options)
    case 'lost':
      return new LostError(message, options)
    case 'retry-same':
    case 'refresh-and-retry':
    case 'rejoin':
    case 'abort':
      return new RetakeError(message, options)
  }
}

/** Translates what a request threw on the way to a commit: no answer, or a code, becomes a verdict; everything else is passed on. */
export function verdictError(kind: RequestKind, error: unknown, fields: Readonly<Record<string, unknown>> = {}): unknown {
  if (error instanceof KafkaError) return errorOf(kind, error.errorCode, fields)
  if (error instanceof ConnectionError) {
    const message = `${kind}${whereOf(fields)}: no answer (${error.message})`
    return new RetakeError(message, { cause: error, fields: { ...fields, request: kind } })
  }
  return error
}

/** ` topic orders, partition 3`: the place of an error, in its message. */
export const whereOf = (fields: Readonly<Record<string, unknown>>) =>
  Object.entries(fields)
    .map(([field, value]) => ` ${field} ${String(value)}`)
    .join(',')
