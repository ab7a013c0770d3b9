/** The rows of windows that are open, for those who read more of them than `update` shows: each change with the row before it, and all. */
import { isDeepStrictEqual } from 'node:util'
import type { Decoder } from '../codec/codec.ts'
import type { Push } from '../source/push.ts'
import { noProvenance, RecordInput, StreamRecord } from '../source/record.ts'
import type { Key, Value } from '../topology/node.ts'
import type { Bounds, WindowRowsParts } from './window-rows.ts'

/** A window of one key, as it is while it is open. */
export interface OpenWindow extends Bounds {
  /** Its bytes as Latin-1. */
  readonly key: string
  readonly aggregate: Value
}

/** What a batch did to a window: one of the two at least is there. A window that closed is open no more. */
export interface WindowChange {
  readonly now: OpenWindow | undefined
  readonly before: OpenWindow | undefined
  /** The newest event time that went in, or that at which it closed. */
  readonly timestamp: number
}

export class OpenRows {
  readonly #finish: (aggregate: Value) => Value
  readonly #isSame: (aggregate: Value, before: Value) => boolean
  readonly #changes: Push | undefined
  readonly #keys: () => Decoder<Key>

  constructor({ node, outlets, keys }: WindowRowsParts) {
    this.#finish = node.finish ?? ((aggregate) => aggregate)
    this.#isSame = node.isSame ?? (() => false)
    this.#changes = outlets.changes
    this.#keys = keys
  }

  /** Whether anybody takes changes. */
  get isRead(): boolean {
    return this.#changes !== undefined
  }

  changed(changes: readonly WindowChange[]): void {
    const next = this.#changes
    if (next === undefined || changes.length === 0) return
    const input = this.#input(Float64Array.from(changes, ({ timestamp }) => timestamp))
    for (const [i, { now, before }] of changes.entries()) {
      if (now !== undefined && before !== undefined && this.#isSame(now.aggregate, before.aggregate)) continue
      const { key } = now ?? before ?? { key: '' }
      next(this.#rowOf(now), new StreamRecord(input, i, key), this.#rowOf(before))
    }
  }

  /** In order, and only those with these ends where they are given. See AllRows. */
  replay(windows: readonly OpenWindow[], next: Push, { timestamp, ends }: Replay): void {
    const wanted = ends === undefined ? windows : windows.filter(({ end }) => ends.has(end))
    const input = this.#input(new Float64Array(wanted.length).fill(timestamp))
    for (const [i, window] of wanted.toSorted(inOrder).entries())
      next(this.#rowOf(window), new StreamRecord(input, i, window.key))
  }

  #rowOf(window: OpenWindow | undefined): Value {
    if (window === undefined) return undefined
    const { start, end, aggregate } = window
    return { start, end, value: this.#finish(aggregate) }
  }

  #input(timestamps: Float64Array): RecordInput {
    const place = { topic: '', partition: -1, columns: null, first: 0 }
    return new RecordInput({ ...place, timestamps, keys: this.#keys(), provenance: noProvenance })
  }
}

interface Replay {
  readonly timestamp: number
  readonly ends: ReadonlySet<number> | undefined
}

/** What became of the windows of one key, the bounds of a window being what it is known by. */
export function changesBetween(
  now: readonly OpenWindow[],
  before: readonly OpenWindow[],
  timestamp: number,
): readonly WindowChange[] {
  const left = new Map(before.map((window) => [nameOf(window), window]))
  const changes: WindowChange[] = []
  for (const window of now) {
    const name = nameOf(window)
    const known = left.get(name)
    left.delete(name)
    if (known === undefined || !isDeepStrictEqual(known.aggregate, window.aggregate))
      changes.push({ now: window, before: known, timestamp })
  }
  for (const window of left.values()) changes.push({ now: undefined, before: window, timestamp })
  return changes
}

const nameOf = ({ start, end }: Bounds): string => `${start} ${end}`

/** By end, start and key bytes. */
export function inOrder(a: OpenWindow, b: OpenWindow): number {
  if (a.end !== b.end) return a.end - b.end
  if (a.start !== b.start) return a.start - b.start
  return a.key < b.key ? -1 : 1
}
