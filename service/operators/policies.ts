/** What becomes of records that cannot be decoded, or on which code of the topology throws: the batch stops, or they are set aside. */
import { CaudalError, FatalError } from '../errors.ts'
import type { DeadLetters } from '../sink/dead-letter.ts'
import { RefusedError } from '../source/push.ts'
import { describeRecord, type StreamRecord } from '../source/record.ts'
import type { Policy } from '../topology/node.ts'
import type { Counts } from './counts.ts'

/** Why a record is set aside; label of the metrics, and of dead letters. */
export type Reason =
  | 'invalid-value'
  | 'invalid-key'
  | 'invalid-time'
  | 'null-key'
  | 'null-value'
  | 'error'
  | RefusedError['reason']

export class Policies {
  readonly #onError: Policy
  readonly #deadLetters: DeadLetters | undefined
  readonly #counts: Counts

  constructor(parts: { readonly onError: Policy; readonly deadLetters: DeadLetters | undefined; readonly counts: Counts }) {
    this.#onError = parts.onError
    this.#deadLetters = parts.deadLetters
    this.#counts = parts.counts
  }

  /** A record that came when all of its windows, or some, had closed. */
  late(record: StreamRecord, windows: 'all' | 'some'): void {
    const { topic } = record.origin ?? record.input
    this.#counts.add('caudal_records_late_total', topic, windows)
  }

  /** A record that belongs to no session. */
  outside(record: StreamRecord): void {
    const { topic } = record.origin ?? record.input
    this.#counts.add('caudal_records_outside_total', topic, 'no-session')
  }

  /** A record that no policy is asked about. */
  skip(record: StreamRecord, reason: Reason): void {
    this.#counts.add('caudal_records_skipped_total', record.input.topic, reason)
  }

  /** A record of a source that cannot be read; `onInvalid` is the source's. @throws FatalError for `stop` */
  invalid(
    onInvalid: Policy,
    { record, reason, error, what }: { record: StreamRecord; reason: Reason; error: unknown; what: string },
  ): void {
    const choices = "set the source's onInvalid: 'skip' or 'dead-letter' to go on without such records, or correct its options"
    this.#set(record, { policy: onInvalid, reason, error, what, choices })
  }

  /** A record on which code of the topology threw, or that a sink cannot take. @throws FatalError for `stop` */
  failed(operator: string, error: unknown, record: StreamRecord): void {
    const reason = error instanceof RefusedError ? error.reason : 'error'
    const choices = "set the topology's onError: 'skip' or 'dead-letter' to go on without such records, or correct the function"
    this.#set(record, { policy: this.#onError, reason, error, what: `${operator} failed`, choices })
  }

  #set(record: StreamRecord, verdict: { policy: Policy; reason: Reason; error: unknown; what: string; choices: string }): void {
    const { policy, reason, error, what, choices } = verdict
    // An error of caudal's own is a verdict on more than this record.
    if (error instanceof CaudalError) throw error
    const { topic } = record.input
    if (policy === 'skip') return this.#counts.add('caudal_records_skipped_total', topic, reason)
    if (policy === 'dead-letter' && this.#deadLetters !== undefined) {
      this.#deadLetters.write(record, { reason, error: `${what}: ${messageOf(error)}` })
      return this.#counts.add('caudal_records_dead_lettered_total', topic, reason)
    }
    throw new FatalError(`${describeRecord(record)}: ${what}: ${messageOf(error)}. To go on: ${choices}.`, {
      cause: error,
      fields: { ...record.origin, reason },
    })
  }
}

function messageOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/** A promise where a value was due. Nobody waits for it, and it must not end the process as an unhandled rejection. */
export function refusePromise(promise: Promise<unknown>): TypeError {
  promise.catch(() => {})
  return new TypeError('the function is asynchronous: it returned a promise, and steps of a topology return values')
}
