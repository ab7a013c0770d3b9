/** The outputs, against what the topology's model says. */
import { isDeepStrictEqual } from 'node:util'
import type { Anomaly } from './anomaly.ts'
import { placeOf } from './anomaly.ts'
import type { Changelog } from './changelogs.ts'
import { type Expected, type ExpectedOutput, recordsOf } from './expected.ts'
import type { History, LogRecord } from './history.ts'
import { differences } from './sequences.ts'

export function checkOutputs(
  history: History,
  { outputs, stores }: Expected,
  changelogs: readonly Changelog[],
): readonly Anomaly[] {
  return [...outputs].flatMap(([topic, expected]) => {
    const records = recordsOf(history.final.committed, topic)
    switch (expected.kind) {
      case 'exact':
        return checkExact(topic, records, expected)
      case 'once':
        return checkOnce(topic, records, expected)
      case 'changes': {
        const ofStore = changelogs.filter(({ store }) => store === expected.store)
        if (!history.isCompacted) return checkChanges(topic, records, { expected, changelogs: ofStore })
        const versions = [...(stores.get(expected.store)?.values() ?? [])].flatMap((keys) => [...keys])
        const rows = versions.map(
          ([key, all]) => [keyIn(key), all.map(({ value }) => expected.rowOf(keyIn(key), value))] as const,
        )
        return checkRising(topic, records, new Map(rows))
      }
    }
  })
}

type ExpectedAs<Kind extends ExpectedOutput['kind']> = Extract<ExpectedOutput, { readonly kind: Kind }>

function checkExact(topic: string, records: readonly LogRecord[], { rows, beyond }: ExpectedAs<'exact'>): readonly Anomaly[] {
  const found = Map.groupBy(records, ({ partition }) => partition)
  const partitions = new Set([...rows.keys(), ...found.keys()])
  return [...partitions].flatMap((partition) =>
    differences({
      where: placeOf({ topic, partition }),
      found: (found.get(partition) ?? []).map(({ key, value }) => `${key}=${value}`),
      wanted: rows.get(partition) ?? [],
      strange: (row) =>
        beyond.has(row)
          ? { kind: 'torn-transaction', what: `${row} answers input that is not committed` }
          : { kind: 'phantom-key', what: `${row} answers nothing` },
    }),
  )
}

/** The key of an entry without its shape byte: of keyed stores, the key of the row. */
const keyIn = (key: string) => key.slice(1)

interface ChangesToCheck {
  readonly expected: ExpectedAs<'changes'>
  readonly changelogs: readonly Changelog[]
}

function checkChanges(
  topic: string,
  records: readonly LogRecord[],
  { expected, changelogs }: ChangesToCheck,
): readonly Anomaly[] {
  const entries = changelogs.flatMap(({ transactions }) => transactions.flatMap((transaction) => transaction.entries))
  const wanted = Map.groupBy(entries, ({ key }) => keyIn(key ?? ''))
  const found = Map.groupBy(records, ({ key }) => key ?? '')
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((key) =>
    differences({
      where: `${topic}, ${key}`,
      found: (found.get(key) ?? []).map(({ value }) => value ?? ''),
      wanted: (wanted.get(key) ?? []).map(({ value }) => expected.rowOf(key, value ?? '')),
      strange: (row) => ({ kind: 'torn-transaction', what: `${row} stands without its change of ${expected.store}` }),
    }),
  )
}

/** Where old changes are compacted away: of each key a rising part of its versions, which ends with the last one. */
function checkRising(
  topic: string,
  records: readonly LogRecord[],
  rows: ReadonlyMap<string, readonly string[]>,
): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const lasts = new Map<string, number>()
  for (const { key, value, offset } of records) {
    const name = key ?? ''
    const where = `${topic}, ${name}`
    const index = rows.get(name)?.indexOf(value ?? '') ?? -1
    const before = lasts.get(name) ?? -1
    if (index < 0) anomalies.push({ kind: 'phantom-key', where, what: `${value} at ${offset} answers nothing` })
    else if (index === before) anomalies.push({ kind: 'duplicated', where, what: `${value} is there again at ${offset}` })
    else if (index < before)
      anomalies.push({ kind: 'reordered', where, what: `${value} at ${offset} is older than the row before` })
    lasts.set(name, Math.max(before, index))
  }
  for (const [name, versions] of rows) {
    const last = lasts.get(name)
    const where = `${topic}, ${name}`
    if (last === undefined) anomalies.push({ kind: 'lost', where, what: 'it has no row' })
    else if (last < versions.length - 1)
      anomalies.push({ kind: 'stale-state', where, what: `its last row is ${versions[last]}, not ${versions.at(-1)}` })
  }
  return anomalies
}

function checkOnce(topic: string, records: readonly LogRecord[], { rows, weightOf }: ExpectedAs<'once'>): readonly Anomaly[] {
  const found = Map.groupBy(records, ({ key }) => key ?? '')
  const anomalies: Anomaly[] = []
  for (const [key, [first, ...more]] of found) {
    const where = `${topic}, ${key}`
    const [row, wanted] = [JSON.parse(first?.value ?? 'null') as unknown, rows.get(key)]
    if (more.length > 0) anomalies.push({ kind: 'duplicated', where, what: `it is there ${more.length + 1} times` })
    if (wanted === undefined) anomalies.push({ kind: 'phantom-key', where, what: `${first?.value} answers nothing` })
    else if (!isDeepStrictEqual(row, wanted))
      anomalies.push({
        kind: kindOfDifference(weightOf(row) - weightOf(wanted)),
        where,
        what: `it is ${first?.value}, not ${JSON.stringify(wanted)}`,
      })
  }
  for (const key of rows.keys())
    if (!found.has(key)) anomalies.push({ kind: 'lost', where: `${topic}, ${key}`, what: 'it is not there' })
  return anomalies
}

/** A row that counts too little has lost input, one that counts too much has some twice; otherwise something was out of turn. */
const kindOfDifference = (more: number) => (more < 0 ? 'lost' : more > 0 ? 'duplicated' : 'reordered')
