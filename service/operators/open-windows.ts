/** The windows that are open according to the entries of a store, for those who look from outside. */
import type { KeyWindows } from '../codec/key-windows.ts'
import { text } from '../codec/text.ts'
import { FatalError } from '../errors.ts'
import type { WindowNode } from '../topology/node.ts'
import { batchesAsAligned } from './batch-windows.ts'
import { keptByKey } from './kept-by-key.ts'
import type { KeyLogic } from './keyed-windows.ts'
import { inOrder, type OpenWindow } from './open-rows.ts'
import { eventTime } from './record-time.ts'
import type { LogicParts } from './window-parts.ts'

/** One of the entries that a store of windows holds. */
export interface WindowEntry {
  /** The time of its bucket; null for a keyed one. */
  readonly bucket: number | null
  /** Its bytes as Latin-1. */
  readonly key: string
  readonly value: unknown
}

/** By end, start and key bytes, the aggregates as their readers see them. `everyMs`: the interval of the trigger, null where it has none. */
export function openWindowsIn(node: WindowNode, everyMs: number | null, entries: readonly WindowEntry[]): readonly OpenWindow[] {
  const parts = lookedAt(node, everyMs)
  const finish = node.finish ?? ((aggregate: unknown) => aggregate)
  const byKey = keptByKey(parts, <S>(logic: KeyLogic<S>) =>
    entries.flatMap(({ bucket, key, value }) => {
      const state = bucket === null ? (value as KeyWindows<S>).state : undefined
      return state === undefined ? [] : logic.open(key, state)
    }),
  )
  return (byKey ?? eachByItself(parts, entries))
    .toSorted(inOrder)
    .map((window) => ({ ...window, aggregate: finish(window.aggregate) }))
}

function eachByItself({ node, ...parts }: LogicParts, entries: readonly WindowEntry[]): readonly OpenWindow[] {
  const { windows } = node
  const aligned = windows.kind === 'batches' ? batchesAsAligned({ ...parts, node: { ...node, windows } }).node.windows : windows
  if (aligned.kind !== 'aligned') throw new FatalError(`Defect in caudal: ${aligned.kind} windows are kept by key.`)
  const { sizeMs, rowSizeMs = sizeMs } = aligned
  return entries.flatMap(({ bucket: end, key, value }) =>
    end === null ? [] : [{ key, start: end - rowSizeMs, end, aggregate: value }],
  )
}

/** No record comes, and no row leaves. */
const lookedAt = (node: WindowNode, everyMs: number | null): LogicParts => ({
  node,
  everyMs,
  time: eventTime,
  outlets: { append: undefined, update: undefined, late: undefined, closed: () => {} },
  keys: () => text(),
  failed: () => {},
  late: () => {},
  outside: () => {},
})
