/** Error classes as verdicts: each says who throws it, who catches it and what happens next. */

const errorCodes = [
  'configuration',
  'fatal',
  'connection',
  'kafka',
  'retake',
  'lost',
  'fenced',
  'store-lost',
  'store-fenced',
  'store-unavailable',
  'registry-unavailable',
  'unprepared',
  'stopped',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** The root of caudal's own errors. `fields` are for logs and tests; the message is for people. */
export abstract class CaudalError extends Error {
  abstract readonly code: ErrorCode
  readonly fields: Readonly<Record<string, unknown>>
  constructor(message: string, options: { readonly cause?: unknown; readonly fields?: Readonly<Record<string, unknown>> } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = new.target.name
    this.fields = options.fields ?? {}
  }
}

/** Thrown while starting, with every defect found; caught by the command line, which prints them and exits with 2. */
export class ConfigurationError extends CaudalError {
  readonly code = 'configuration'
  readonly defects: readonly string[]
  constructor(defects: readonly string[]) {
    super(defects.join('\n'))
    this.defects = defects
  }
}

/** Nothing that this process can do will mend it: the worker aborts its batch and the process ends with exit code 1. */
export class FatalError extends CaudalError {
  readonly code = 'fatal'
}

/** The records that come next have been deleted. A fault, unless others of the group have read them and gone on. */
export class DeletedRecordsError extends FatalError {
  readonly topic: string
  readonly partition: number
  /** The first that is left. */
  readonly startOffset: number
  constructor(message: string, place: { readonly topic: string; readonly partition: number; readonly startOffset: number }) {
    super(message, { fields: place })
    this.topic = place.topic
    this.partition = place.partition
    this.startOffset = place.startOffset
  }
}

/** Thrown by a wire: no connection, a closed one, or no answer in time. Whether the request took effect is unknown. */
export class ConnectionError extends CaudalError {
  readonly code = 'connection'
}

/** An answer of Kafka with an error code that its caller did not expect; translated into a verdict by `commit/verdicts.ts`. */
export class KafkaError extends CaudalError {
  readonly code = 'kafka'
  readonly errorCode: number
  constructor(errorCode: number, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message, { fields: { ...fields, errorCode } })
    this.errorCode = errorCode
  }
}

/** Thrown while producing or committing; the worker aborts, renews its epoch and takes all its tasks again (P3). */
export class RetakeError extends CaudalError {
  readonly code = 'retake'
}

/** The membership is gone: every batch in hand is dead; the worker drops its tasks and waits for an assignment (P1). */
export class LostError extends CaudalError {
  readonly code = 'lost'
}

/** Another producer took the transactional id: the worker asks for a heartbeat, and initialises again or ends (P4). */
export class FencedError extends CaudalError {
  readonly code = 'fenced'
}

/** The store in Redis is not what was left there (flushed, set back, half gone): its tasks are taken again and it is rebuilt. */
export class StoreLostError extends CaudalError {
  readonly code = 'store-lost'
}

/** Another worker acquired the store: nobody acquires it again before a heartbeat was answered (P12). */
export class StoreFencedError extends CaudalError {
  readonly code = 'store-fenced'
}

/** Redis did not answer: the caller waits and asks again, for as long as it is a member. */
export class StoreUnavailableError extends CaudalError {
  readonly code = 'store-unavailable'
}

/** The schema registry did not answer: the worker waits and asks again, for as long as it is a member. */
export class RegistryUnavailableError extends CaudalError {
  readonly code = 'registry-unavailable'
}

/** Somebody asked the worker to stop: whatever was under way is dropped. */
export class StoppedError extends CaudalError {
  readonly code = 'stopped'
}
