/** Windows of batches of an aggregate that values can be taken out of: it goes on from window to window, less what leaves. */
import { FatalError } from '../errors.ts'
import type { AlignedWindows as Alignment, Value } from '../topology/node.ts'
import { firstEnd, lastEnd } from '../windows/aligned.ts'
import { type InverseState, parted, type SlotValues, withValue } from '../windows/inverse.ts'
import { fold, settled } from './fold.ts'
import type { Arrival, KeyLogic } from './keyed-windows.ts'
import type { OpenWindow } from './open-rows.ts'
import { windowFailure } from './slice-values.ts'
import type { LogicParts } from './window-parts.ts'
import { WindowRows } from './window-rows.ts'

/** A key has a row at each slide, until `remove` or `add` deletes it. Its record time is that of slots. */
export class InverseWindows implements KeyLogic<InverseState> {
  readonly holdBackMs = 0
  readonly #parts: LogicParts<Alignment>
  readonly #operator: string
  readonly #windows: Alignment
  readonly #remove: (aggregate: Value, value: Value) => Value
  readonly #rows: WindowRows

  constructor(parts: LogicParts<Alignment>) {
    const { node, outlets, keys } = parts
    if (node.remove === undefined) throw new FatalError('Defect in caudal: an inverse of an aggregate without remove.')
    this.#parts = parts
    this.#operator = `${node.function} '${node.name}'`
    this.#windows = node.windows
    this.#remove = node.remove
    this.#rows = new WindowRows({ node, outlets, keys })
  }

  begin(): void {}

  dueOf({ next }: InverseState): number {
    return next - 1
  }

  /** The windows of all keys end at the same times: there are few of them. */
  markAt(due: number): number {
    return due
  }

  /** All windows that end before the record's slot does have closed: it is in the next one. */
  add(state: InverseState | undefined, { value, record, watermark }: Arrival): InverseState | undefined {
    const { node, failed, time } = this.#parts
    let aggregate: Value
    try {
      aggregate = fold(node, state?.aggregate, value, record)
    } catch (error) {
      failed(this.#operator, error, record)
      return state
    }
    if (aggregate === undefined) return undefined
    const slot = time.timeOf(record, watermark)
    const next = state?.next ?? firstEnd(slot, this.#windows)
    return { next, aggregate, slots: withValue(value, slot, state?.slots ?? []) }
  }

  close(key: string, state: InverseState, watermark: number): InverseState | undefined {
    const { sizeMs, advanceMs } = this.#windows
    const { next: end } = state
    const { leaving, staying } = parted(state.slots, end - sizeMs)
    const aggregate = this.#without(key, state.aggregate, leaving)
    if (aggregate === undefined) return undefined
    this.#rows.release({
      key,
      start: end - sizeMs,
      end,
      aggregate,
      timestamp: end - 1,
      closedBy: 'time',
      replaces: [],
    })
    return { next: staying.length > 0 ? end + advanceMs : this.#nextEmpty(end, watermark), aggregate, slots: staying }
  }

  /** Its rows come as windows close. */
  changed(): void {}

  flush(): void {
    this.#rows.flush()
  }

  /** The window that comes next: what is in those behind it is in it too. */
  open(key: string, { next: end, aggregate, slots }: InverseState): readonly OpenWindow[] {
    const start = end - this.#windows.sizeMs
    const content = this.#without(key, aggregate, parted(slots, start).leaving)
    return content === undefined ? [] : [{ key, start, end, aggregate: content }]
  }

  /** Of slides that went by unseen, while the task was away or behind, a key without values has the last alone: they are all alike. */
  #nextEmpty(end: number, watermark: number): number {
    const { sizeMs, advanceMs } = this.#windows
    return Math.max(end + advanceMs, lastEnd(watermark - sizeMs, this.#windows))
  }

  #without(key: string, aggregate: Value, leaving: readonly SlotValues[]): Value {
    let left = aggregate
    try {
      for (const { pieces } of leaving)
        for (const value of pieces.flat()) {
          left = settled(this.#remove(left, value))
          if (left === undefined) return undefined
        }
    } catch (error) {
      throw windowFailure(this.#operator, key, error)
    }
    return left
  }
}
