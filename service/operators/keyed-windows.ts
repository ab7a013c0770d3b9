/**
 * Windows that lie differently for each key: what is open of a key is one keyed entry, and marks in buckets of due times find the keys
 * whose windows can close. What the windows are is up to a KeyLogic.
 */
import { dueMark, type KeyWindows as Held } from '../codec/key-windows.ts'
import { FatalError } from '../errors.ts'
import type { Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { Entry, StateView } from '../state/state-view.ts'
import type { Watermark } from '../time/watermark.ts'
import type { Value } from '../topology/node.ts'
import type { AllRows } from './all-rows.ts'
import { DueQueue } from './due-queue.ts'
import { changesBetween, type OpenRows, type OpenWindow, type WindowChange } from './open-rows.ts'
import type { StatefulOperator } from './stateful.ts'
import { WindowOutput } from './window-output.ts'

/** A record on its way into the windows of its key. */
export interface Arrival {
  readonly entry: Entry
  readonly value: Value
  readonly record: StreamRecord
  /** Of what comes in, when it came. */
  readonly watermark: number
}

/** What the windows of one kind are. States are never changed, only replaced. */
export interface KeyLogic<S> {
  /** By how much the event time of rows may trail the watermark that releases them. */
  readonly holdBackMs: number
  begin(): void
  /** The watermark that has to be passed before anything is to be done for the key; Infinity where nothing ever is. */
  dueOf(state: S): number
  /** The bucket in which a mark waits until the key is due: a whole number from `watermark` to `due`. */
  markAt(due: number, watermark: number): number
  /** Returns the very same state where the record changes nothing, because it is late or code of the topology threw on it. */
  add(state: S | undefined, arrival: Arrival): S | undefined
  /** Does what is due at `dueOf(state)`, on the way to `watermark`; undefined where nothing is left. */
  close(key: string, state: S, watermark: number): S | undefined
  /** A key that the batch changed, with what is left open of it. */
  changed(key: string, now: S, before: S | undefined): void
  /** Hands on the rows that came of the calls since the last time. */
  flush(): void
  /** The windows of a key that are open, as `update` would show them, without those that are empty; in any order. */
  open(key: string, state: S): readonly OpenWindow[]
}

export interface KeyedWindowsParts<S> {
  readonly view: StateView
  readonly input: Watermark
  readonly logic: KeyLogic<S>
  readonly open: OpenRows
}

/**
 * So many marks are looked at in a batch, and so many windows close, and one more for each record that the batch brings, so that there
 * never come more than go.
 */
const closedMax = 1_000

export class KeyedWindows<S> implements StatefulOperator, AllRows {
  readonly output: WindowOutput
  readonly #view: StateView
  readonly #input: Watermark
  readonly #logic: KeyLogic<S>
  readonly #open: OpenRows
  /** Nothing is to be done for any key before the watermark has passed this. */
  #closesAt = Number.POSITIVE_INFINITY
  /** How many records came in this batch. */
  #taken = 0
  /** The newest event time that went into a window in this batch, or at which one closed. */
  #newest = Number.NEGATIVE_INFINITY
  /** How many windows may still close in it. */
  #closable = 0
  /** Those that wait for state, or for a close that comes before them. */
  #waiting: Arrival[] = []
  /** The buckets that this batch looks into. */
  readonly #visited = new Set<number>()
  /** While `run` is under way: the keys that are due before the watermark that it leads to. */
  readonly #queue = new DueQueue()
  #leadsTo = Number.NEGATIVE_INFINITY

  constructor({ view, input, logic, open }: KeyedWindowsParts<S>) {
    this.#view = view
    this.#input = input
    this.#logic = logic
    this.#open = open
    this.output = new WindowOutput({ input, holdBackMs: logic.holdBackMs, dueAfter: () => this.#firstMark() })
  }

  get isDue(): boolean {
    return this.#firstMark() < this.#input.value
  }

  begin(): void {
    this.#view.beginBatch()
    this.output.begin()
    this.#logic.begin()
    this.#visited.clear()
    this.#taken = 0
    this.#newest = Number.NEGATIVE_INFINITY
    this.#closesAt = this.#firstMark()
  }

  /**
   * Takes a record with a key. It is taken in at once while nothing closes before it and all state that was asked for is in memory; the
   * first for which that is not so makes itself and all after it wait for `run`.
   */
  readonly push: Push = (value, record) => {
    const watermark = this.#input.value
    const entry = this.#view.entry(record.keyLatin1 ?? '')
    const arrival = { entry, value, record, watermark }
    this.#taken += 1
    if (this.#waiting.length === 0 && entry.loaded && watermark <= this.#closesAt) this.#add(arrival)
    else this.#waiting.push(arrival)
  }

  load(): Promise<void> | undefined {
    const watermark = this.#input.value
    const buckets = this.#view.buckets()
    let wanted = closedMax + this.#taken
    for (const time of buckets.upTo(watermark)) {
      if (wanted <= 0 || time >= watermark) break
      if (!this.#visited.has(time)) this.#view.scan(time, wanted)
      this.#visited.add(time)
      wanted -= buckets.entries(time)
    }
    for (const { key } of this.#marks()) this.#view.entry(key)
    return this.#view.load()
  }

  run(): void {
    this.#leadsTo = this.#input.value
    this.#closable = closedMax + this.#taken
    this.#takeMarks()
    for (const arrival of this.#waiting) {
      if (this.#isDueBefore(arrival.watermark)) this.#closeUpTo(arrival.watermark)
      this.#add(arrival)
    }
    this.#waiting = []
    this.#closeUpTo(this.#leadsTo)
    // Keys that are left get a mark again, and wait for the next batch.
    this.#queue.clear()
    this.#finishKeys()
    this.#leadsTo = Number.NEGATIVE_INFINITY
    this.output.end()
  }

  loadRows(): Promise<void> | undefined {
    this.#view.scan(null, Number.POSITIVE_INFINITY)
    return this.#view.load()
  }

  replay(next: Push, timestamp: number, ends?: ReadonlySet<number>): void {
    const { entries } = this.#view.scanned(null)
    const windows = entries.flatMap((entry) => this.#openOf(entry.key, heldBy<S>(entry)?.state))
    this.#open.replay(windows, next, { timestamp, ends })
  }

  #openOf(key: string, state: S | undefined): readonly OpenWindow[] {
    return state === undefined ? [] : this.#logic.open(key, state)
  }

  /** Of the visited buckets, as far as they are loaded. */
  #marks(): readonly Entry[] {
    return [...this.#visited].flatMap((time) => this.#view.scanned(time).entries)
  }

  #firstMark(): number {
    return this.#view.buckets().first ?? Number.POSITIVE_INFINITY
  }

  /** Takes the marks away that were found, and queues their keys, and those that the batch has changed, as far as they are due in it. */
  #takeMarks(): void {
    for (const mark of this.#marks()) {
      if (mark.value === undefined || mark.bucket === null) continue
      const { bucket } = mark
      const entry = this.#view.entry(mark.key)
      if (!entry.loaded) throw new FatalError('Defect in caudal: a key whose windows are due was not loaded.')
      const held = heldBy<S>(entry)
      this.#view.set(mark, undefined, bucket)
      if (held === undefined) continue
      this.#view.set(entry, { marks: held.marks.filter((time) => time !== bucket), state: held.state }, bucket)
    }
    for (const entry of this.#changedKeys()) this.#expect(entry)
  }

  #changedKeys(): readonly Entry[] {
    return this.#view.changed().filter(({ bucket }) => bucket === null)
  }

  #add(arrival: Arrival): void {
    const { entry, record, watermark } = arrival
    let due = this.#dueOf(entry)
    // A close that is spread over batches may not have come to this key yet.
    for (; due < watermark; due = this.#dueOf(entry)) this.#close(entry, watermark)
    const held = heldBy<S>(entry)
    const state = this.#logic.add(held?.state, arrival)
    if (state === held?.state) return
    if (record.timestamp > this.#newest) this.#newest = record.timestamp
    this.#view.set(entry, { marks: held?.marks ?? noMarks, state }, record.timestamp)
    // Most records move nothing: their key is expected already.
    if (this.#dueOf(entry) !== due) this.#expect(entry)
  }

  #dueOf(entry: Entry): number {
    const state = heldBy<S>(entry)?.state
    return state === undefined ? Number.POSITIVE_INFINITY : this.#logic.dueOf(state)
  }

  /** The key's windows are not as they were. */
  #expect(entry: Entry): void {
    const due = this.#dueOf(entry)
    if (due < this.#closesAt) this.#closesAt = due
    if (due < this.#leadsTo) this.#queue.push({ due, entry })
  }

  #isDueBefore(watermark: number): boolean {
    const { first } = this.#queue
    return first !== undefined && first.due < watermark && this.#closable > 0
  }

  /** In the order of their dues, then of their keys' bytes. */
  #closeUpTo(watermark: number): void {
    const queue = this.#queue
    for (let next = queue.first; next !== undefined && this.#isDueBefore(watermark); next = queue.first) {
      queue.shift()
      // A key whose windows have changed since stands in the queue once more.
      if (this.#dueOf(next.entry) === next.due) this.#close(next.entry, watermark)
    }
    this.#logic.flush()
    // What marks that were not looked at are for is not emitted, nor what is left to the next batch.
    const open = Math.min(this.#firstMark(), queue.first?.due ?? Number.POSITIVE_INFINITY)
    this.output.moveTo(Math.min(watermark, open))
  }

  #close(entry: Entry, watermark: number): void {
    const held = heldBy<S>(entry)
    if (held?.state === undefined) return
    this.#closable -= 1
    const time = this.#logic.dueOf(held.state) - this.#logic.holdBackMs
    this.#newest = Math.max(this.#newest, time)
    this.#view.set(entry, { marks: held.marks, state: this.#logic.close(entry.key, held.state, watermark) }, time)
    this.#expect(entry)
  }

  /** Hands on the rows that changed; every key that has something open gets a mark in time, every other one goes. */
  #finishKeys(): void {
    const keys = this.#changedKeys()
    for (const { key, value, before } of keys) {
      const state = (value as Held<S> | undefined)?.state
      if (state !== undefined) this.#logic.changed(key, state, (before as Held<S> | undefined)?.state)
    }
    this.#logic.flush()
    if (this.#open.isRead) this.#open.changed(keys.flatMap((entry) => this.#changesOf(entry)))
    for (const entry of keys) this.#mark(entry)
  }

  #changesOf({ key, value, before }: Entry): readonly WindowChange[] {
    const [now, was] = [value, before].map((held) => (held as Held<S> | undefined)?.state)
    return now === was ? [] : changesBetween(this.#openOf(key, now), this.#openOf(key, was), this.#newest)
  }

  #mark(entry: Entry): void {
    const held = heldBy<S>(entry)
    if (held === undefined) return
    const { marks, state } = held
    if (state === undefined && marks.length === 0) return this.#view.set(entry, undefined, entry.timestamp)
    const due = this.#dueOf(entry)
    if (due === Number.POSITIVE_INFINITY || marks.some((time) => time <= due)) return
    const time = this.#logic.markAt(due, this.#input.value)
    this.#view.set(this.#view.bucket(time).fresh(entry.key), dueMark, entry.timestamp)
    this.#view.set(entry, { marks: [...marks, time], state }, entry.timestamp)
  }
}

const noMarks: readonly number[] = []
const heldBy = <S>({ value }: Entry): Held<S> | undefined => value as Held<S> | undefined
