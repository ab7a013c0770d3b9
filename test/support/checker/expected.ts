/** The right answer to an input, as a topology's model gives it and the checker compares with. */
import type { History, LogRecord } from './history.ts'

/** What an output should hold. */
export type ExpectedOutput =
  /** By partition these rows, `key=value`, in this order. `beyond` are those of input that is not committed. */
  | { readonly kind: 'exact'; readonly rows: ReadonlyMap<number, readonly string[]>; readonly beyond: ReadonlySet<string> }
  /** For each change of a store one row, in the order of the changes; `rowOf` makes it of the changed entry. */
  | { readonly kind: 'changes'; readonly store: string; readonly rowOf: (key: string, value: string) => string }
  /** By key of the row its value as JSON, each once, in any order. */
  | { readonly kind: 'once'; readonly rows: ReadonlyMap<string, unknown>; readonly weightOf: (row: unknown) => number }

/** An entry of a store from a position of the input on. */
export interface Version {
  readonly position: number
  readonly value: string
}

/** By partition and key in the changelog, the values that the entry takes while the same partition of the input is read. */
export type ExpectedStore = ReadonlyMap<number, ReadonlyMap<string, readonly Version[]>>

export interface Expected {
  /** By topic. */
  readonly outputs: ReadonlyMap<string, ExpectedOutput>
  /** Of stores whose every state is a function of the position alone. */
  readonly stores: ReadonlyMap<string, ExpectedStore>
}

export interface InputRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string
}

/** Begins the keys of records that a topology sets aside: nothing comes of them. */
export const setAsidePrefix = 'set-aside-'

/**
 * By partition the input as it stands in Kafka, in order. What was deleted since it was sent is taken from the sender; what Kafka has beyond
 * that came from a request whose answer was lost. What a stranger has aborted is no input.
 */
export function inputOf({ input, sent, final }: History): ReadonlyMap<number, readonly InputRecord[]> {
  const records = new Map<string, InputRecord>()
  const add = ({ partition, offset, key, value }: InputRecord) => {
    if (!key.startsWith(setAsidePrefix)) records.set(`${partition}@${offset}`, { partition, offset, key, value })
  }
  for (const record of sent) add(record)
  for (const { key, value, ...record } of recordsOf(final.committed, input))
    add({ ...record, key: key ?? '', value: value ?? '' })
  const inOrder = [...records.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  const partitions = final.ends.filter(({ topic }) => topic === input).map(({ partition }) => partition)
  const grouped = Map.groupBy(inOrder, ({ partition }) => partition)
  return new Map(partitions.map((partition) => [partition, grouped.get(partition) ?? []]))
}

export const recordsOf = (records: readonly LogRecord[], topic: string): readonly LogRecord[] =>
  records.filter((record) => record.topic === topic)

/** What the group has committed of a partition in the end; 0 for nothing. */
export const committedOf = ({ offsets }: History, topic: string, partition: number): number =>
  offsets.findLast((offset) => offset.topic === topic && offset.partition === partition)?.offset ?? 0
