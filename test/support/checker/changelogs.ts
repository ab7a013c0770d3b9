/** Changelogs, transaction by transaction: each has its changes, and a progress record that says for which positions. */
import type { History, LogRecord } from './history.ts'
import { recordsOf } from './expected.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly position: number
}

export interface Progress {
  /** Where the progress record stands. */
  readonly offset: number
  /** Counts the commits of the task. */
  readonly batch: number
  readonly positions: readonly Position[]
}

/** What one transaction wrote to one changelog partition. */
export interface Changes {
  readonly entries: readonly LogRecord[]
  /** Null: there is none behind these changes. */
  readonly progress: Progress | null
}

export interface Changelog {
  readonly store: string
  readonly topic: string
  readonly partition: number
  readonly transactions: readonly Changes[]
  /** Of each key the values that it took, in order; null where it was deleted. */
  readonly values: ReadonlyMap<string, readonly (string | null)[]>
  /** Of each key that is there its newest value. */
  readonly fold: ReadonlyMap<string, string>
}

const progressKey = '\x00'

export function changelogsOf({ changelogs, final }: History): readonly Changelog[] {
  return [...changelogs].flatMap(([store, topic]) =>
    [...Map.groupBy(recordsOf(final.committed, topic), ({ partition }) => partition)].map(([partition, records]) => ({
      store,
      topic,
      partition,
      transactions: transactionsOf(records),
      ...foldOf(records.filter(({ key }) => key !== progressKey)),
    })),
  )
}

function transactionsOf(records: readonly LogRecord[]): readonly Changes[] {
  const transactions: Changes[] = []
  let entries: LogRecord[] = []
  for (const record of records) {
    if (record.key !== progressKey) entries.push(record)
    else {
      transactions.push({ entries, progress: progressOf(record) })
      entries = []
    }
  }
  return entries.length === 0 ? transactions : [...transactions, { entries, progress: null }]
}

function progressOf({ offset, value }: LogRecord): Progress {
  const { batch, positions } = JSON.parse(value ?? '') as Omit<Progress, 'offset'>
  return { offset, batch, positions }
}

function foldOf(entries: readonly LogRecord[]): Pick<Changelog, 'values' | 'fold'> {
  const values = new Map<string, (string | null)[]>()
  const fold = new Map<string, string>()
  for (const { key, value } of entries) {
    const name = key ?? ''
    const all = values.get(name) ?? []
    values.set(name, all)
    all.push(value)
    if (value === null) fold.delete(name)
    else fold.set(name, value)
  }
  return { values, fold }
}
