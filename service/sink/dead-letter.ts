/** The dead letter topic: records that were set aside, byte for byte, with headers that say where they came from and why. */
import type { RecordHeader } from '../kafka/records/record-batch-builder.ts'
import { FatalError } from '../errors.ts'
import { RefusedError } from '../source/push.ts'
import { describeRecord, type StreamRecord } from '../source/record.ts'
import type { OutputBuffer } from './output-buffer.ts'

/** Longer messages are cut, so that a record that fitted into its topic fits into this one. */
const errorCharactersMax = 1000

export class DeadLetters {
  readonly topic: string
  readonly #outputs: OutputBuffer

  constructor(topic: string, outputs: OutputBuffer) {
    this.topic = topic
    this.#outputs = outputs
  }

  /**
   * Writes the record's original key, value and headers, in the batch's transaction, and behind them `caudal-error`, `caudal-reason`
   * and, for records that came from a topic, `caudal-topic`, `caudal-partition` and `caudal-offset`. A row of a table has a key alone.
   * @throws FatalError where the topic cannot take it
   */
  write(record: StreamRecord, { reason, error }: { readonly reason: string; readonly error: string }): void {
    const { columns } = record.input
    const origin = record.origin
    const ours: RecordHeader[] = [
      ['caudal-error', error.slice(0, errorCharactersMax)],
      ['caudal-reason', reason],
    ]
    if (origin !== undefined) {
      ours.push(
        ['caudal-topic', origin.topic],
        ['caudal-partition', String(origin.partition)],
        ['caudal-offset', String(origin.offset)],
      )
    }
    const key = columns === null ? record.keyBytes : columns.key(record.index)
    const value = columns?.value(record.index) ?? null
    // The record's own time: the one that the topology gives it may be what is wrong with it.
    const timestamp = Math.max(0, columns?.timestamps[record.index] ?? record.timestamp)
    try {
      this.#outputs.append(this.topic, undefined, key, value, timestamp, [...record.rawHeaders, ...ours])
    } catch (refusal) {
      if (!(refusal instanceof RefusedError)) throw refusal
      throw new FatalError(
        `${describeRecord(record)}: it cannot be written to the dead letter topic ${this.topic}: ${refusal.message}.`,
        {
          cause: refusal,
          fields: { ...origin, topic: this.topic },
        },
      )
    }
  }
}
