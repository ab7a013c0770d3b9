/** Each anomaly, planted into a history that is right. */
import type { AnomalyKind } from '../../../support/checker/anomaly.ts'
import type { History, LogRecord } from '../../../support/checker/history.ts'
import { topics } from './random-history.ts'

export interface Plant {
  readonly name: string
  readonly kind: AnomalyKind
  /** What follows from it besides. */
  readonly besides?: readonly AnomalyKind[]
  /** Null where this history has no place for it. `pick` chooses one of so many. */
  readonly plant: (history: History, pick: (count: number) => number) => History | null
}

const isOf = (topic: string) => (record: { readonly topic: string }) => record.topic === topic
const isSame = (a: LogRecord) => (b: LogRecord) => a.topic === b.topic && a.partition === b.partition && a.offset === b.offset
const without = <T extends LogRecord>(records: readonly T[], gone: LogRecord): readonly T[] =>
  records.filter((record) => !isSame(gone)(record))
const changed = <T extends LogRecord>(records: readonly T[], at: LogRecord, change: Partial<LogRecord>): readonly T[] =>
  records.map((record) => (isSame(at)(record) ? { ...record, ...change } : record))

/** In the logs, and as the reader along the way saw it. */
const inAll = (history: History, change: <T extends LogRecord>(records: readonly T[]) => readonly T[]): History => ({
  ...history,
  seen: change(history.seen),
  final: { ...history.final, committed: change(history.final.committed), raw: change(history.final.raw) },
})

function chosen<T>(from: readonly T[], pick: (count: number) => number): T | undefined {
  return from.length === 0 ? undefined : from[pick(from.length)]
}

const committedOf = ({ final }: History, topic: string) => final.committed.filter(isOf(topic))

/** Another record at the end of a log, seen as well. */
function appended(history: History, record: Omit<LogRecord, 'offset'>): History {
  const { topic, partition } = record
  const isIts = (ends: { readonly topic: string; readonly partition: number }) =>
    ends.topic === topic && ends.partition === partition
  const end = history.final.ends.find(isIts)?.end ?? 0
  const added = { ...record, offset: end }
  const grown = inAll(history, (records) => [...records])
  const ends = history.final.ends.map((at) => (isIts(at) ? { ...at, stable: end + 1, end: end + 1 } : at))
  return {
    ...grown,
    seen: topic === topics.changelog ? grown.seen : [...grown.seen, { ...added, atMs: 9_999 }],
    final: { committed: [...grown.final.committed, added], raw: [...grown.final.raw, added], ends },
  }
}

const withRedis = (history: History, partition: number, change: (entries: Map<string, string>) => void): History => ({
  ...history,
  redis: (history.redis ?? []).map((held) => {
    if (held.partition !== partition) return held
    const entries = new Map(held.entries)
    change(entries)
    return { ...held, entries }
  }),
})

const isChange = ({ key }: LogRecord) => key !== '\x00'
const lastCommits = ({ offsets }: History) =>
  offsets.filter((offset, index) => offsets.findLastIndex(({ partition }) => partition === offset.partition) === index)

export const plants: readonly Plant[] = [
  {
    name: 'an output row is missing',
    kind: 'lost',
    plant: (history, pick) => {
      const row = chosen([...committedOf(history, topics.copy), ...committedOf(history, topics.running)], pick)
      return row === undefined ? null : inAll(history, (records) => without(records, row))
    },
  },
  {
    name: 'acknowledged input is missing',
    kind: 'lost',
    plant: (history, pick) => {
      const row = chosen(committedOf(history, topics.input), pick)
      return row === undefined ? null : inAll(history, (records) => without(records, row))
    },
  },
  {
    name: 'the reader along the way passes over a record',
    kind: 'lost',
    plant: (history, pick) => {
      const { seen } = history
      const isLast = (record: LogRecord) =>
        !seen.some(
          (other) => other.topic === record.topic && other.partition === record.partition && other.offset > record.offset,
        )
      const row = chosen(
        seen.filter((record) => !isLast(record)),
        pick,
      )
      return row === undefined ? null : { ...history, seen: without(seen, row) }
    },
  },
  {
    name: 'an output row is written twice',
    kind: 'duplicated',
    plant: (history, pick) => {
      const row = chosen([...committedOf(history, topics.copy), ...committedOf(history, topics.running)], pick)
      return row === undefined ? null : appended(history, row)
    },
  },
  {
    name: 'a batch is worked off twice',
    kind: 'duplicated',
    plant: (history, pick) => {
      const progress = chosen(
        committedOf(history, topics.changelog).filter((record) => !isChange(record)),
        pick,
      )
      if (progress === undefined) return null
      const isLast = !committedOf(history, topics.changelog).some(
        ({ partition, offset }) => partition === progress.partition && offset > progress.offset,
      )
      // Of another batch than the last one the position goes back as well.
      return isLast ? appended(history, progress) : null
    },
    besides: ['torn-transaction'],
  },
  {
    name: 'two output rows have changed places',
    kind: 'reordered',
    plant: (history, pick) => {
      const rows = committedOf(history, topics.copy)
      const pairs = rows.flatMap((left, index) => {
        const right = rows[index + 1]
        return right !== undefined && right.partition === left.partition && right.offset === left.offset + 1
          ? [[left, right] as const]
          : []
      })
      const pair = chosen(pairs, pick)
      if (pair === undefined) return null
      const [left, right] = pair
      return inAll(history, (records) =>
        changed(changed(records, left, { key: right.key, value: right.value }), right, { key: left.key, value: left.value }),
      )
    },
  },
  {
    name: 'the reader along the way goes back',
    kind: 'reordered',
    plant: (history, pick) => {
      const { seen } = history
      const at = pick(seen.length)
      const record = seen[at]
      return record === undefined ? null : { ...history, seen: seen.toSpliced(at, 0, record) }
    },
  },
  {
    name: 'an aborted record was seen',
    kind: 'aborted-read',
    plant: (history, pick) => {
      const { committed, raw } = history.final
      const aborted = raw.filter((record) => record.topic === topics.copy && !committed.some(isSame(record)))
      const record = chosen(aborted, pick)
      if (record === undefined) return null
      const isAfter = (other: LogRecord) =>
        other.topic === record.topic && other.partition === record.partition && other.offset > record.offset
      const next = history.seen.findIndex(isAfter)
      return { ...history, seen: history.seen.toSpliced(next < 0 ? history.seen.length : next, 0, { ...record, atMs: 1000 }) }
    },
  },
  {
    name: 'another record was seen than stands there in the end',
    kind: 'aborted-read',
    plant: (history, pick) => {
      const record = chosen(history.seen, pick)
      return record === undefined ? null : { ...history, seen: changed(history.seen, record, { value: 'another' }) }
    },
  },
  {
    name: 'Redis holds what was aborted',
    kind: 'aborted-read',
    plant: (history, pick) => {
      const { committed, raw } = history.final
      const isKnown = (record: LogRecord) => committed.some(({ key, value }) => key === record.key && value === record.value)
      const record = chosen(
        raw.filter((other) => other.topic === topics.changelog && isChange(other) && !isKnown(other)),
        pick,
      )
      return record === undefined
        ? null
        : withRedis(history, record.partition, (entries) => entries.set(record.key ?? '', record.value ?? ''))
    },
  },
  {
    name: 'a change of state is missing in its transaction',
    kind: 'torn-transaction',
    plant: (history, pick) => {
      const change = chosen(committedOf(history, topics.changelog).filter(isChange), pick)
      return change === undefined ? null : inAll(history, (records) => without(records, change))
    },
    // If it was the newest of its key.
    besides: ['lost', 'stale-state', 'phantom-key', 'aborted-read'],
  },
  {
    name: 'outputs and state are there, the offset is not',
    kind: 'torn-transaction',
    plant: (history, pick) => {
      const last = chosen(lastCommits(history), pick)
      return last === undefined ? null : { ...history, offsets: history.offsets.filter((offset) => offset !== last) }
    },
  },
  {
    name: 'the offset is there, outputs and state are not',
    kind: 'torn-transaction',
    plant: (history, pick) => {
      const last = chosen(lastCommits(history), pick)
      const further = history.sent.filter(({ partition }) => partition === last?.partition).length
      if (last === undefined || last.offset === further) return null
      return { ...history, offsets: [...history.offsets, { ...last, offset: further }] }
    },
    besides: ['lost', 'stale-state'],
  },
  {
    name: 'a transaction has no progress record',
    kind: 'torn-transaction',
    plant: (history, pick) => {
      const progress = chosen(
        committedOf(history, topics.changelog).filter((record) => !isChange(record)),
        pick,
      )
      return progress === undefined ? null : inAll(history, (records) => without(records, progress))
    },
  },
  {
    name: 'a transaction hangs',
    kind: 'hanging-transaction',
    plant: (history, pick) => {
      const { ends } = history.final
      const hung = ends[pick(ends.length)]
      return {
        ...history,
        final: { ...history.final, ends: ends.map((at) => (at === hung ? { ...at, stable: at.end - 1 } : at)) },
      }
    },
  },
  {
    name: 'an offset goes back, and on again',
    kind: 'non-monotonic-commit',
    plant: (history, pick) => {
      const at = pick(history.offsets.length)
      const offset = history.offsets[at]
      if (offset === undefined) return null
      return { ...history, offsets: history.offsets.toSpliced(at + 1, 0, { ...offset, offset: offset.offset - 1 }, offset) }
    },
  },
  {
    name: 'Redis is older than the changelog',
    kind: 'stale-state',
    plant: (history, pick) => {
      const changes = committedOf(history, topics.changelog).filter(isChange)
      const isOld = (record: LogRecord) => changes.some(({ key, offset }) => key === record.key && offset > record.offset)
      const old = chosen(changes.filter(isOld), pick)
      return old === undefined
        ? null
        : withRedis(history, old.partition, (entries) => entries.set(old.key ?? '', old.value ?? ''))
    },
  },
  {
    name: 'Redis lacks a key',
    kind: 'stale-state',
    plant: (history, pick) => {
      const change = chosen(committedOf(history, topics.changelog).filter(isChange), pick)
      return change === undefined ? null : withRedis(history, change.partition, (entries) => entries.delete(change.key ?? ''))
    },
  },
  {
    name: 'a state is made of an older one than there was',
    kind: 'stale-state',
    plant: (history, pick) => {
      const change = chosen(committedOf(history, topics.changelog).filter(isChange), pick)
      if (change === undefined) return null
      const rows = committedOf(history, topics.running)
      const row = rows.find(({ key, value }) => `\x01${key}` === change.key && value === change.value)
      const state = JSON.parse(change.value ?? '') as { readonly sum: number }
      const value = JSON.stringify({ ...state, sum: state.sum + 100_000 })
      const both = inAll(history, (records) =>
        changed(row === undefined ? records : changed(records, row, { value }), change, { value }),
      )
      return withRedis(both, change.partition, (entries) => {
        if (entries.get(change.key ?? '') === change.value) entries.set(change.key ?? '', value)
      })
    },
  },
  {
    name: 'Redis holds a key that nobody sent',
    kind: 'phantom-key',
    plant: (history, pick) => withRedis(history, pick(2), (entries) => entries.set('\x01nobody', '1')),
  },
  {
    name: 'the changelog holds a key that nobody sent',
    kind: 'phantom-key',
    plant: (history, pick) => {
      const change = chosen(committedOf(history, topics.changelog).filter(isChange), pick)
      return change === undefined ? null : inAll(history, (records) => changed(records, change, { key: '\x01nobody' }))
    },
    besides: ['torn-transaction', 'stale-state', 'lost', 'aborted-read'],
  },
  {
    name: 'an output row answers nothing',
    kind: 'phantom-key',
    plant: (history, pick) =>
      appended(history, { topic: topics.copy, partition: pick(2), timestamp: 1, key: 'nobody', value: '1' }),
  },
]
