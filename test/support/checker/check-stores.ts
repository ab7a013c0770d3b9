/** Changelogs, offsets and Redis: that they say the same, and what the input says. */
import { type Anomaly, placeOf } from './anomaly.ts'
import type { Changelog, Changes, Position } from './changelogs.ts'
import { committedOf, type ExpectedStore, recordsOf, type Version } from './expected.ts'
import type { HeldStore, History } from './history.ts'

/** Each transaction is whole: it counts on by one (the start position was 0), moves on, and ends with a progress record, the last one where the offsets are. */
export function checkProgress(history: History, { topic, partition, store, transactions }: Changelog): readonly Anomaly[] {
  const where = placeOf({ topic, partition })
  const anomalies: Anomaly[] = []
  const torn = (what: string) => anomalies.push({ kind: 'torn-transaction', where, what })
  let [batch, positions] = [0, new Map<string, number>()]
  for (const { progress, entries } of transactions) {
    if (progress === null) {
      torn(`${entries.length} changes from ${entries[0]?.offset} on have no progress record`)
      continue
    }
    const { offset } = progress
    if (progress.batch <= batch)
      anomalies.push({ kind: 'duplicated', where, what: `batch ${progress.batch} at ${offset} follows batch ${batch}` })
    else if (progress.batch > batch + 1 && !history.isCompacted)
      torn(`batch ${progress.batch} at ${offset} follows batch ${batch}`)
    batch = progress.batch
    for (const { position, ...source } of progress.positions) {
      const before = positions.get(placeOf(source)) ?? 0
      const what = `${placeOf(source)} is at ${position} after ${before}, by the progress record at ${offset}`
      if (position < before) anomalies.push({ kind: 'non-monotonic-commit', where, what })
    }
    positions = new Map(progress.positions.map(({ position, ...source }) => [placeOf(source), position]))
  }
  const last = transactions.findLast(({ progress }) => progress !== null)?.progress
  if (last === undefined || last === null) return anomalies
  for (const source of last.positions) {
    const committed = committedOf(history, source.topic, source.partition)
    if (committed !== source.position)
      torn(`${placeOf(source)} is committed up to ${committed}, and the last progress record says ${source.position}`)
    const pointer = lastRecordOf(history, source, store)
    if (pointer !== undefined && pointer !== last.offset)
      torn(`the offset of ${placeOf(source)} names ${pointer} as the last record, which is at ${last.offset}`)
  }
  return anomalies
}

/** The offset of the changelog's last record, by the metadata beside a committed offset. */
function lastRecordOf({ offsets }: History, { topic, partition }: Position, store: string): number | undefined {
  const metadata = offsets.findLast((offset) => offset.topic === topic && offset.partition === partition)?.metadata ?? ''
  const stores = metadata === '' ? {} : ((JSON.parse(metadata) as readonly unknown[])[4] as Record<string, [string, number]>)
  return stores[store]?.[1]
}

export interface StoreToCheck {
  readonly history: History
  readonly changelog: Changelog
  readonly expected: ExpectedStore
}

/** Each transaction changed what its input changes, to what the input up to its position says. */
export function checkVersions({ history, changelog, expected }: StoreToCheck): readonly Anomaly[] {
  const versions = expected.get(changelog.partition) ?? new Map<string, readonly Version[]>()
  const check = { history, versions, where: placeOf(changelog) }
  const anomalies: Anomaly[] = []
  let position = 0
  for (const transaction of changelog.transactions) {
    const to = transaction.progress?.positions.find(({ topic }) => topic === history.input)?.position
    if (to === undefined) continue
    anomalies.push(...checkTransaction(transaction, { ...check, from: position, to }))
    position = to
  }
  return [...anomalies, ...checkFold(changelog, { ...check, to: committedOf(history, history.input, changelog.partition) })]
}

interface VersionsToCheck {
  readonly history: History
  readonly versions: ReadonlyMap<string, readonly Version[]>
  readonly where: string
  readonly to: number
}

function checkTransaction(
  { entries }: Changes,
  { history, versions, where, from, to }: VersionsToCheck & { readonly from: number },
): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const changed = new Set<string>()
  for (const { key, value, offset } of entries) {
    const name = key ?? ''
    changed.add(name)
    const all = versions.get(name)
    const due = all?.findLast(({ position }) => position <= to)
    const what = `${shown(name)} is ${shown(value)} at ${offset}, and should be ${shown(due?.value)}`
    if (all === undefined) anomalies.push({ kind: 'phantom-key', where, what })
    else if (due?.value !== value)
      // A version of another position tells of two that don't belong together; what is none was made of a state that was wrong.
      anomalies.push({ kind: all.some((version) => version.value === value) ? 'torn-transaction' : 'stale-state', where, what })
  }
  if (history.isCompacted) return anomalies
  for (const [key, all] of versions) {
    if (!changed.has(key) && all.some(({ position }) => position > from && position <= to))
      anomalies.push({ kind: 'torn-transaction', where, what: `${shown(key)} is not changed between ${from} and ${to}` })
  }
  return anomalies
}

/** The newest values are those of the committed position: older ones are stale, newer ones belong to a commit that is not there. */
function checkFold({ fold }: Changelog, { versions, where, to }: VersionsToCheck): readonly Anomaly[] {
  return [...versions].flatMap(([key, all]): readonly Anomaly[] => {
    const [has, due] = [fold.get(key), all.findLast(({ position }) => position <= to)]
    if (has === due?.value) return []
    const what = `${shown(key)} is ${shown(has)} in the end, not ${shown(due?.value)}`
    if (has === undefined) return [{ kind: 'lost', where, what }]
    const isNewer = all.some(({ position, value }) => position > to && value === has)
    return [{ kind: isNewer ? 'torn-transaction' : 'stale-state', where, what }]
  })
}

/** Redis is the fold of the changelog, entry by entry. */
export function checkRedis(history: History, changelogs: readonly Changelog[], held: readonly HeldStore[]): readonly Anomaly[] {
  const nameOf = ({ store, partition }: Pick<HeldStore, 'store' | 'partition'>) => `${store}-${partition}`
  const stores = new Map(held.map((store) => [nameOf(store), store]))
  const logs = new Map(changelogs.map((changelog) => [nameOf(changelog), changelog]))
  return [...new Set([...stores.keys(), ...logs.keys()])].flatMap((name) => {
    const [entries, log] = [stores.get(name)?.entries ?? new Map<string, string>(), logs.get(name)]
    const aborted = log === undefined ? new Set<string>() : abortedOf(history, log)
    const fold = log?.fold ?? new Map<string, string>()
    return [...new Set([...entries.keys(), ...fold.keys()])].flatMap((key): readonly Anomaly[] => {
      const [has, wanted] = [entries.get(key), fold.get(key)]
      if (has === wanted) return []
      const what = `${shown(key)} is ${shown(has)}, and ${shown(wanted)} by the changelog`
      const kind =
        has !== undefined && aborted.has(`${key}=${has}`) ? 'aborted-read' : log?.values.has(key) ? 'stale-state' : 'phantom-key'
      return [{ kind, where: `Redis, ${name}`, what }]
    })
  })
}

/** Entries that stand in the changelog and were never committed. */
function abortedOf({ final }: History, { topic, partition }: Changelog): ReadonlySet<string> {
  const ofLog = (record: { readonly partition: number }) => record.partition === partition
  const committed = new Set(recordsOf(final.committed, topic).filter(ofLog).map(entryOf))
  const raw = recordsOf(final.raw, topic).filter(ofLog).map(entryOf)
  return new Set(raw.filter((entry) => !committed.has(entry)))
}

const entryOf = ({ key, value }: { readonly key: string | null; readonly value: string | null }) => `${key}=${value}`
const shown = (text: string | null | undefined) => (text === undefined ? 'absent' : JSON.stringify(text)).slice(0, 200)
