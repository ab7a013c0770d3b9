/** Tumbling and hopping windows of one aggregate: records are folded into the windows that they lie in, which close as event time passes. */
import type { Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { Entry, Scanned, StateView } from '../state/state-view.ts'
import type { AlignedWindows as Alignment, Value } from '../topology/node.ts'
import { firstEnd, lastEnd } from '../windows/aligned.ts'
import type { AllRows } from './all-rows.ts'
import { fold } from './fold.ts'
import { OpenRows, type OpenWindow, type WindowChange } from './open-rows.ts'
import type { StatefulOperator } from './stateful.ts'
import { WindowOutput } from './window-output.ts'
import { tooLate, type WindowParts } from './window-parts.ts'
import { type Bounds, WindowRows } from './window-rows.ts'

type AlignedWindowsParts = WindowParts<Alignment>

/** So many windows close in a batch, and one more for each that its records went into, so that never more come than go. */
const closedMax = 2_000

export class AlignedWindows implements StatefulOperator, AllRows {
  readonly output: WindowOutput
  readonly #parts: AlignedWindowsParts
  readonly #operator: string
  readonly #windows: Alignment
  readonly #view: StateView
  readonly #rows: WindowRows
  readonly #open: OpenRows
  /** The watermark at which the first open window closes. */
  #closesAt = Number.POSITIVE_INFINITY
  /** How many windows may still close in this batch. */
  #closable = 0
  // The records that wait for state, as columns, with the watermark as of each.
  #values: Value[] = []
  #records: StreamRecord[] = []
  #watermarks: number[] = []
  /** The entries of the windows that the record at hand goes into, and whether it is too late for others. */
  readonly #claimed: Entry[] = []
  #isPartlyLate = false
  /** The buckets whose entries were asked for in this batch. */
  readonly #closing = new Set<number>()
  /** True where the rest of a bucket is left to the next batch: nothing closes before that. */
  #isPaused = false

  constructor(parts: AlignedWindowsParts) {
    const { node, view, input, outlets, keys } = parts
    this.#parts = parts
    this.#windows = node.windows
    this.#operator = `${node.function} '${node.name}'`
    this.#view = view
    this.#rows = new WindowRows({ node, outlets, keys })
    this.#open = new OpenRows({ node, outlets, keys })
    // At its end a window is due: rows before that moment are in it.
    const dueAfter = () => (view.buckets().first ?? Number.POSITIVE_INFINITY) + node.windows.graceMs - 1
    this.output = new WindowOutput({ input, holdBackMs: node.windows.graceMs, dueAfter })
  }

  get isDue(): boolean {
    const { first } = this.#view.buckets()
    return first !== undefined && first + this.#windows.graceMs <= this.#parts.input.value
  }

  begin(): void {
    this.#view.beginBatch()
    this.output.begin()
    this.#closable = closedMax
    this.#closing.clear()
    this.#isPaused = false
    this.#look()
  }

  /**
   * Takes a record with a key. It is folded in at once while no window closes before it and all state that was asked for is in memory;
   * the first for which that is not so makes itself and all after it wait for `run`.
   */
  readonly push: Push = (value, record) => {
    const watermark = this.#parts.input.value
    if (!this.#claim(record, watermark)) return tooLate(this.#parts, value, record)
    this.#closable += this.#claimed.length
    if (this.#records.length === 0 && watermark < this.#closesAt && this.#claimed.every(({ loaded }) => loaded)) {
      this.#fold(value, record)
      return
    }
    this.#values.push(value)
    this.#records.push(record)
    this.#watermarks.push(watermark)
  }

  load(): Promise<void> | undefined {
    let wanted = this.#closable
    for (const end of this.#view.buckets().upTo(this.#parts.input.value - this.#windows.graceMs)) {
      if (wanted <= 0) break
      if (!this.#closing.has(end)) this.#view.scan(end, wanted)
      this.#closing.add(end)
      wanted -= this.#view.buckets().entries(end)
    }
    return this.#view.load()
  }

  run(): void {
    const [values, records, watermarks] = [this.#values, this.#records, this.#watermarks]
    for (const [i, record] of records.entries()) {
      const watermark = watermarks[i] ?? Number.NEGATIVE_INFINITY
      this.#closeUpTo(watermark)
      this.#claim(record, watermark)
      this.#fold(values[i], record)
    }
    this.#values = []
    this.#records = []
    this.#watermarks = []
    this.#closeUpTo(this.#parts.input.value)
    this.#rows.updated(this.#view.changed(), (end) => this.#boundsOf(end))
    if (this.#open.isRead) this.#open.changed(this.#view.changed().flatMap((entry) => this.#changeOf(entry)))
    this.output.end()
  }

  loadRows(ends?: ReadonlySet<number>): Promise<void> | undefined {
    for (const end of this.#ends(ends)) this.#view.scan(end, Number.POSITIVE_INFINITY)
    return this.#view.load()
  }

  replay(next: Push, timestamp: number, ends?: ReadonlySet<number>): void {
    const entries = this.#ends(ends).flatMap((end) => this.#view.scanned(end).entries)
    const windows = entries.flatMap((entry) => this.#windowOf(entry, entry.value) ?? [])
    this.#open.replay(windows, next, { timestamp, ends })
  }

  /** Of the windows that are open, among those given. */
  #ends(ends: ReadonlySet<number> | undefined): readonly number[] {
    const all = this.#view.buckets()
    return ends === undefined ? all.upTo(Number.POSITIVE_INFINITY) : [...ends].filter((end) => all.entries(end) > 0)
  }

  #changeOf(entry: Entry): readonly WindowChange[] {
    const { value, before, timestamp } = entry
    if (value === undefined && before === undefined) return []
    return [{ now: this.#windowOf(entry, value), before: this.#windowOf(entry, before), timestamp }]
  }

  /** Undefined where there is no aggregate. */
  #windowOf({ key, bucket: end }: Entry, aggregate: Value): OpenWindow | undefined {
    if (end === null || aggregate === undefined) return undefined
    return { key, ...this.#boundsOf(end), aggregate }
  }

  /** Finds the entries of the windows that the record goes into; false where they are all closed. */
  #claim(record: StreamRecord, watermark: number): boolean {
    const { graceMs, advanceMs } = this.#windows
    const { time } = this.#parts
    const key = record.keyLatin1 ?? ''
    const at = time.timeOf(record, watermark)
    const closed = Math.max(watermark, time.stampOf(record)) - graceMs
    const last = lastEnd(at, this.#windows)
    this.#claimed.length = 0
    this.#isPartlyLate = false
    for (let end = firstEnd(at, this.#windows); end <= last; end += advanceMs) {
      if (end > closed) this.#claimed.push(this.#view.bucket(end).entry(key))
      else this.#isPartlyLate = true
    }
    return this.#claimed.length > 0
  }

  /** Into all of its windows or, where user code throws, into none. */
  #fold(value: Value, record: StreamRecord): void {
    const { node, failed, late } = this.#parts
    const aggregates: Value[] = []
    try {
      for (const { value: before } of this.#claimed) aggregates.push(fold(node, before, value, record))
    } catch (error) {
      return failed(this.#operator, error, record)
    }
    for (const [i, entry] of this.#claimed.entries()) this.#view.set(entry, aggregates[i], record.timestamp)
    if (this.#isPartlyLate) late(record, 'some')
    this.#look()
  }

  /** Closes what the watermark has passed, the earliest first, as far as this batch may. */
  #closeUpTo(watermark: number): void {
    const { graceMs } = this.#windows
    while (this.#closesAt <= watermark && !this.#isPaused) {
      const end = this.#closesAt - graceMs
      const { entries, complete } = this.#scanned(end)
      const open = entries.filter(({ value }) => value !== undefined)
      this.#rows.closed(this.#boundsOf(end), open)
      for (const entry of open) this.#view.set(entry, undefined, end - 1)
      this.#closable -= open.length
      this.#isPaused = !complete
      this.#look()
    }
    if (!this.#isPaused) this.output.moveTo(watermark)
  }

  /** As many entries of a bucket as may close. What came into it since the load is in memory. */
  #scanned(end: number): Scanned {
    const found = this.#closing.has(end) ? this.#view.scanned(end).entries.length : 0
    this.#closing.add(end)
    this.#view.scan(end, Math.max(0, this.#closable - found))
    return this.#view.scanned(end)
  }

  #boundsOf(end: number): Bounds {
    const { sizeMs, rowSizeMs = sizeMs } = this.#windows
    return { start: end - rowSizeMs, end }
  }

  #look(): void {
    const { first } = this.#view.buckets()
    this.#closesAt = first === undefined ? Number.POSITIVE_INFINITY : first + this.#windows.graceMs
  }
}
