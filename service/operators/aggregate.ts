/** A keyed aggregate: folds each record into the state of its key, and hands on the rows that changed once a batch. */
import { FatalError } from '../errors.ts'
import type { Failed, Push } from '../source/push.ts'
import { noProvenance, RecordInput, StreamRecord } from '../source/record.ts'
import type { Entry, StateView } from '../state/state-view.ts'
import type { AggregateNode, Value } from '../topology/node.ts'
import type { Watermark } from '../time/watermark.ts'
import type { AllRows } from './all-rows.ts'
import { fold } from './fold.ts'
import type { StatefulOperator } from './stateful.ts'

export interface AggregateParts {
  readonly node: AggregateNode
  readonly view: StateView
  /** Of what comes in, and so of what goes out. */
  readonly input: Watermark
  readonly failed: Failed
  /** Where rows go; undefined where nobody reads the table. */
  readonly next: Push | undefined
}

export class Aggregate implements StatefulOperator, AllRows {
  readonly output: Watermark
  /** What event time does is no concern of it. */
  readonly isDue = false
  readonly #node: AggregateNode
  readonly #operator: string
  readonly #view: StateView
  readonly #failed: Failed
  readonly #next: Push | undefined
  // The records that wait for state, as columns.
  #entries: Entry[] = []
  #values: Value[] = []
  #records: StreamRecord[] = []
  #last: StreamRecord | undefined

  constructor({ node, view, input, failed, next }: AggregateParts) {
    this.output = input
    this.#node = node
    this.#operator = `${node.function} '${node.name}'`
    this.#view = view
    this.#failed = failed
    this.#next = next
  }

  begin(): void {
    this.#view.beginBatch()
    this.#last = undefined
  }

  /**
   * Takes a record with a key. It is folded in at once while all state that was asked for in this batch is in memory; the first record
   * whose state is not makes itself and all after it wait for `run`, so that the order is that of arrival either way.
   */
  readonly push: Push = (value, record) => {
    const entry = this.#view.entry(record.keyLatin1 ?? '')
    if (entry.loaded && this.#entries.length === 0) {
      this.#fold(entry, value, record)
      return
    }
    this.#entries.push(entry)
    this.#values.push(value)
    this.#records.push(record)
  }

  load(): Promise<void> | undefined {
    return this.#view.load()
  }

  run(): void {
    const [entries, values, records] = [this.#entries, this.#values, this.#records]
    for (let i = 0; i < entries.length; i++) {
      const [entry, record] = [entries[i], records[i]]
      if (entry !== undefined && record !== undefined) this.#fold(entry, values[i], record)
    }
    this.#entries = []
    this.#values = []
    this.#records = []
    if (this.#next !== undefined && this.#last !== undefined) this.#emit(this.#next, this.#last)
  }

  loadRows(): Promise<void> | undefined {
    this.#view.scan(null, Number.POSITIVE_INFINITY)
    return this.#view.load()
  }

  replay(next: Push, timestamp: number): void {
    const { finish } = this.#node
    const rows = this.#view.scanned(null).entries.filter(({ value }) => value !== undefined)
    if (this.#last === undefined) throw new FatalError('Defect in caudal: all rows of a table that did not change.')
    const input = rowsInput(this.#last, new Float64Array(rows.length).fill(timestamp))
    for (const [i, { key, value }] of rows.entries())
      next(finish === undefined ? value : finish(value), new StreamRecord(input, i, key))
  }

  #fold(entry: Entry, value: Value, record: StreamRecord): void {
    let aggregate: Value
    try {
      aggregate = fold(this.#node, entry.value, value, record)
    } catch (error) {
      return this.#failed(this.#operator, error, record)
    }
    this.#view.set(entry, aggregate, record.timestamp)
    this.#last = record
  }

  /** Each changed row once, in the order of the first change; one that came and went within the batch is none. */
  #emit(next: Push, last: StreamRecord): void {
    const { finish, isSame } = this.#node
    const changed = this.#view.changed()
    const rows = rowsInput(
      last,
      Float64Array.from(changed, (entry) => entry.timestamp),
    )
    for (const [i, { key, value, before }] of changed.entries()) {
      if (value === undefined && before === undefined) continue
      if (value !== undefined && before !== undefined && isSame?.(value, before) === true) continue
      const row = new StreamRecord(rows, i, key)
      if (finish === undefined) next(value, row, before)
      else next(value === undefined ? undefined : finish(value), row, before === undefined ? undefined : finish(before))
    }
  }
}

/** Rows have their keys from where the records had theirs, of which `last` is one. */
function rowsInput({ input: { topic, partition, keys } }: StreamRecord, timestamps: Float64Array): RecordInput {
  return new RecordInput({ topic, partition, columns: null, timestamps, first: 0, keys, provenance: noProvenance })
}
