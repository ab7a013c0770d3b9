/** The topologies that are simulated: each with its input in closed form, and what its output must be then. */
import assert from 'node:assert/strict'
import { alignedReference, rowOf, stamped } from '../windows/references.ts'
import { hopping, json, session, stream, topology, type Windowed } from '../../service/index.ts'
import { accounted } from './accounted.ts'
import {
  groupOf,
  type Inputs,
  type Numbered,
  type SimulatedTopology,
  type Timed,
  triangle,
  upTo,
  valuesOf,
} from './simulated-topology.ts'

/** Every record of the input once, in order, none missing. */
function isCopy(copied: readonly Numbered[], last: number, key: string): void {
  const found = copied.map(({ n }) => n)
  assert.deepEqual(found, upTo(last), `the copy of key ${key} has not every record once and in order`)
}

/** A strictly rising subsequence of what the aggregate went through, which ends with the right one. */
function isRising(found: readonly number[], steps: readonly number[], what: string): void {
  let at = 0
  for (const value of found) {
    const index = steps.indexOf(value, at)
    assert.ok(index >= 0, `${what}: ${value} is out of place in ${JSON.stringify(found)}`)
    at = index + 1
  }
  assert.equal(found.at(-1), steps.at(-1), `${what} ends with the wrong value: ${JSON.stringify(found)}`)
}

function copyAndSum(): SimulatedTopology {
  const input = stream('in', { value: json<Numbered>() })
  const sums = input.byKey().sum('total', ({ n }) => n)
  return {
    name: 'copy-and-sum',
    topology: topology('sim', [sums.to('sums', { value: json() }), input.to('copy', { value: json() })]),
    inputs: ['in'],
    outputs: ['copy', 'sums'],
    survivesLostOffsets: true,
    record: (key, n) => ({ topic: 'in', key, value: { n } }),
    check(outputs, last) {
      for (const [key, n] of last) {
        isCopy(valuesOf<Numbered>(outputs('copy').get(key)), n, key)
        isRising(valuesOf<number>(outputs('sums').get(key)), upTo(n).map(triangle), `sum of key ${key}`)
      }
    },
  }
}

function repartitionAndCount(): SimulatedTopology {
  const input = stream('in', { value: json<Numbered & { readonly key: string }>() })
  const groups = input.keyBy(({ key }) => groupOf(key), { name: 'group' })
  return {
    name: 'repartition-and-count',
    topology: topology('sim', [
      groups.count('count').to('counts', { value: json() }),
      groups.records().to('copy', { value: json(), keyOf: ({ key }) => key }),
    ]),
    inputs: ['in'],
    outputs: ['copy', 'counts'],
    survivesLostOffsets: false,
    record: (key, n) => ({ topic: 'in', key, value: { n, key } }),
    check(outputs, last) {
      const counts = new Map<string, number>()
      for (const [key, n] of last) {
        isCopy(valuesOf<Numbered>(outputs('copy').get(key)), n, key)
        counts.set(groupOf(key), (counts.get(groupOf(key)) ?? 0) + n)
      }
      for (const [group, count] of counts)
        isRising(valuesOf<number>(outputs('counts').get(group)), upTo(count), `count of group ${group}`)
    },
  }
}

interface Row {
  readonly count: number
  readonly left: number
  readonly right: number
}

/** Odd records come from the left topic, even ones from the right. */
function unionAndChain(): SimulatedTopology {
  const left = stream('left', { value: json<Numbered>() }).map(({ n }) => ({ n, side: 'left' }))
  const right = stream('right', { value: json<Numbered>() }).map(({ n }) => ({ n, side: 'right' }))
  const rows = left
    .union(right)
    .byKey()
    .aggregate('rows', {
      initial: (): Row => ({ count: 0, left: 0, right: 0 }),
      add: (row, { n, side }) => ({
        count: row.count + 1,
        left: row.left + (side === 'left' ? n : 0),
        right: row.right + (side === 'right' ? n : 0),
      }),
    })
  const updates = rows.emit('update')
  return {
    name: 'union-and-chain',
    topology: topology('sim', [
      updates.to('rows', { value: json() }),
      updates.byKey().count('updates').to('updates', { value: json() }),
    ]),
    inputs: ['left', 'right'],
    outputs: ['rows', 'updates'],
    survivesLostOffsets: true,
    record: (key, n) => ({ topic: n % 2 === 1 ? 'left' : 'right', key, value: { n } }),
    check(outputs, last) {
      for (const [key, n] of last) {
        const found = valuesOf<Row>(outputs('rows').get(key))
        isRising(
          found.map(({ count }) => count),
          upTo(n),
          `count of key ${key}`,
        )
        for (const row of found) isPrefixOfBoth(row, key)
        const updates = valuesOf<number>(outputs('updates').get(key))
        assert.deepEqual(updates, upTo(found.length), `each update of key ${key} is counted once`)
      }
    },
  }
}

/** The sums of the first odd and the first even numbers, as many together as the row has counted. */
function isPrefixOfBoth({ count, left, right }: Row, key: string): void {
  for (let odd = 0; odd <= count; odd++) {
    const even = count - odd
    if (left === odd * odd && right === even * (even + 1)) return
  }
  assert.fail(`the row of key ${key} is the sum of no prefixes: ${JSON.stringify({ count, left, right })}`)
}

/** So large that a few of them fill a chunk of the store's applies. */
const padding = 'x'.repeat(100_000)

function largeRows(): SimulatedTopology {
  const input = stream('in', { value: json<Numbered>() })
  const rows = input.byKey().aggregate('wide', {
    initial: () => ({ sum: 0, padding }),
    add: (row, { n }) => ({ sum: row.sum + n, padding }),
  })
  return {
    name: 'large-rows',
    topology: topology('sim', [rows.map(({ sum }) => sum).to('sums', { value: json() })]),
    inputs: ['in'],
    outputs: ['sums'],
    survivesLostOffsets: true,
    record: (key, n) => ({ topic: 'in', key, value: { n } }),
    check(outputs, last) {
      for (const [key, n] of last)
        isRising(valuesOf<number>(outputs('sums').get(key)), upTo(n).map(triangle), `sum of key ${key}`)
    },
  }
}

const windowMs = 60

/** Keys run through event time at their own pace, so that some records are late; each is in its window all the same, or late, and once. */
function windowed(): SimulatedTopology {
  const input = stream('in', { value: json<Timed>(), time: ({ n }) => n * 10, lateness: 20, idleAfter: '2 seconds' })
  const windows = input
    .keyBy(({ key }) => groupOf(key))
    .window(hopping(windowMs, windowMs, { grace: 10 }))
    .aggregate('names', { initial: (): readonly string[] => [], add: (names, { key, n }) => [...names, `${key}${n}`] })
  return {
    name: 'windowed',
    topology: topology('sim', [
      windows.emit('update').to('updates', { value: json() }),
      windows.emit('append').to('finals', { value: json() }),
      windows.late().to('late', { value: json() }),
    ]),
    inputs: ['in'],
    outputs: ['updates', 'finals', 'late'],
    survivesLostOffsets: false,
    record: (key, n) => ({ topic: 'in', key, value: { n, key } }),
    check(outputs, last) {
      for (const group of new Set([...last.keys()].map(groupOf))) {
        const updates = valuesOf<Windowed<readonly string[]>>(outputs('updates').get(group))
        const finals = valuesOf<Windowed<readonly string[]>>(outputs('finals').get(group))
        const late = valuesOf<Timed>(outputs('late').get(group)).map(({ key, n }) => `${key}${n}`)
        const closed = updates.filter(({ closedBy }) => closedBy !== undefined)
        assert.deepEqual(closed, finals, `the last rows of update are the rows of append, group ${group}`)
        const ends = finals.map(({ end }) => end)
        assert.deepEqual(
          ends,
          [...new Set(ends)].toSorted((a, b) => a - b),
          `each window of group ${group} is final once, and in order`,
        )
        // Of a window that is open the newest row counts.
        const newest = new Map(updates.map((row) => [row.start, row.value]))
        const expected = [...last].flatMap(([key, n]) => (groupOf(key) === group ? upTo(n).map((i) => `${key}${i}`) : []))
        const found = [...[...newest.values()].flat(), ...late]
        assert.deepEqual(found.toSorted(), expected.toSorted(), `group ${group}: each record is in its window once, or late`)
      }
    },
  }
}

/** Four records 10 ms apart, then nothing for 70. */
const inBursts = (n: number): number => n * 10 + Math.floor((n - 1) / 4) * 60
const gapMs = 25
const overlapping = { size: 60, advance: 20 } as const
const names = {
  initial: (): readonly string[] => [],
  add: (all: readonly string[], record: Timed) => [...all, nameOf(record)],
  merge: (left: readonly string[], right: readonly string[]) => [...left, ...right],
}

type NamesRow = Windowed<readonly string[]>
const nameOf = ({ key, n }: Timed): string => `${key}${n}`
const latenessMs = 20
const graceMs = 10

/** The records of a group as their partitions have them, with the names that ids stand for. */
function arrivedIn(group: string, inputs: Inputs) {
  const arrived = inputs('in').flatMap((records, partition) =>
    stamped(
      valuesOf<Timed>(records).map((value) => ({ value, key: groupOf(value.key), time: inBursts(value.n), partition })),
      latenessMs,
    ),
  )
  const named = arrived.map((record, id) => ({ ...record, id }))
  return { own: named.filter(({ key }) => key === group), nameOfId: (id: number) => nameOf(named[id]?.value as Timed) }
}

/** The newest row of each window that was not replaced since, closed or open. */
function newestRows(updates: readonly NamesRow[]): readonly NamesRow[] {
  const newest = new Map<string, NamesRow>()
  for (const row of updates) {
    for (const { start, end } of row.replaces ?? []) newest.delete(`${start} ${end}`)
    // A window that is open is told again; one that has closed never is.
    const name = `${row.start} ${row.end}`
    assert.equal(newest.get(name)?.closedBy, undefined, `a final row of [${row.start}, ${row.end}) is followed by another`)
    newest.set(name, row)
  }
  return [...newest.values()]
}

/**
 * Sessions and overlapping windows by the time of a withTime, where nothing may be idle: hops are those of a plain reference, and no record is
 * late that its own partition had not passed.
 */
function sessionsAndHops(): SimulatedTopology {
  const input = stream('in', { value: json<Timed>(), idleAfter: false }).withTime(({ n }) => inBursts(n), {
    lateness: latenessMs,
  })
  const groups = input.keyBy(({ key }) => groupOf(key), { name: 'group' })
  const sessions = groups.window(session({ gap: gapMs, grace: graceMs })).aggregate('sessions', names)
  const hops = groups.window(hopping(overlapping.size, overlapping.advance, { grace: graceMs })).aggregate('hops', names)
  return {
    name: 'sessions-and-hops',
    topology: topology('sim', [
      sessions.emit('update').to('session-updates', { value: json() }),
      sessions.emit('append').to('sessions', { value: json() }),
      sessions.late().to('session-late', { value: json() }),
      hops.emit('update').to('hop-updates', { value: json() }),
      hops.emit('append').to('hops', { value: json() }),
      hops.late().to('hop-late', { value: json() }),
    ]),
    inputs: ['in'],
    outputs: ['session-updates', 'sessions', 'session-late', 'hop-updates', 'hops', 'hop-late'],
    survivesLostOffsets: false,
    record: (key, n) => ({ topic: 'in', key, value: { n, key } }),
    check(outputs, last, inputs) {
      for (const group of new Set([...last.keys()].map(groupOf))) {
        const { own, nameOfId } = arrivedIn(group, inputs)
        const expected = [...last].flatMap(([key, n]) => (groupOf(key) === group ? upTo(n).map((i) => `${key}${i}`) : []))
        for (const kind of ['session', 'hop'] as const) {
          const what = `${kind}s of group ${group}`
          const updates = valuesOf<NamesRow>(outputs(`${kind}-updates`).get(group))
          const finals = valuesOf<NamesRow>(outputs(`${kind}s`).get(group))
          const late = valuesOf<Timed>(outputs(`${kind}-late`).get(group)).map(nameOf)
          const closed = updates.filter(({ closedBy }) => closedBy !== undefined)
          assert.deepEqual(closed, finals, `${what}: the last rows of update are the rows of append`)
          const rows = newestRows(updates)
          for (const { start, end, value } of rows) {
            assert.equal(new Set(value).size, value.length, `${what}: a record twice in [${start}, ${end})`)
            for (const name of value) {
              const at = inBursts(Number(name.slice(2)))
              assert.ok(at >= start && at < end, `${what}: ${name}, at ${at}, is in [${start}, ${end})`)
            }
          }
          const taken = rows.flatMap(({ value }) => value)
          const found = [...(kind === 'session' ? taken : new Set(taken)), ...late]
          assert.deepEqual(found.toSorted(), expected.toSorted(), `${what}: each record is taken, or late`)
          const stampedNames = new Set(
            own.filter(({ stamp }) => stamp > Number.NEGATIVE_INFINITY).map(({ value }) => nameOf(value)),
          )
          for (const name of late)
            assert.ok(stampedNames.has(name), `${what}: ${name} is late, though its partition had not passed it`)
          if (kind === 'session') continue
          const reference = alignedReference(own, { ...overlapping, offset: 0, grace: graceMs })
          const idOf = (name: string) => own.find(({ value }) => nameOf(value) === name)?.id ?? -1
          const contents = rows.map(({ start, end, value }) =>
            rowOf(group, { start, end, ids: value.map(idOf), closedBy: 'time' }),
          )
          assert.deepEqual(contents.toSorted(), reference.rows, `${what}: the windows of the reference`)
          assert.deepEqual(late.toSorted(), reference.late.map(nameOfId).toSorted(), `${what}: the late records of the reference`)
        }
      }
    },
  }
}

interface Scored extends Numbered {
  readonly score: number
}
interface Ranked {
  readonly key: string
  readonly value: Scored
}

/** Goes up and down; a row with none is not shown. */
const scoreOf = (n: number): number => (n * 7) % 11
const isBetter = (a: Scored, b: Scored): number => b.score - a.score
const bestMax = 3

/** Rows that get better and worse, come and go: all of them whenever one changed, and the best of all tasks. */
function ranked(): SimulatedTopology {
  const input = stream('in', { value: json<Numbered>() })
  const rows = input
    .byKey()
    .toTable('rows')
    .map(({ n }) => ({ n, score: scoreOf(n) }))
    .filter(({ score }) => score > 0)
  return {
    name: 'ranked',
    topology: topology('sim', [
      rows.emit('complete').to('complete', { value: json() }),
      rows.top('best', bestMax, isBetter).to('best', { value: json() }),
    ]),
    inputs: ['in'],
    outputs: ['complete', 'best'],
    survivesLostOffsets: true,
    record: (key, n) => ({ topic: 'in', key, value: { n } }),
    check(outputs, last) {
      const shown: Ranked[] = []
      for (const [key, n] of last) {
        const found = valuesOf<Scored>(outputs('complete').get(key)).map((row) => row.n)
        const value = { n, score: scoreOf(n) }
        assert.deepEqual(
          found,
          found.toSorted((a, b) => a - b),
          `rows of key ${key} are never older than those before`,
        )
        if (value.score > 0) shown.push({ key, value })
        assert.ok(value.score === 0 || found.at(-1) === n, `key ${key} is shown last as it is: ${JSON.stringify(found)}`)
      }
      const best = valuesOf<readonly Ranked[]>(outputs('best').get('')).at(-1)
      const expected = shown.toSorted((a, b) => isBetter(a.value, b.value) || (a.key < b.key ? -1 : 1)).slice(0, bestMax)
      // Of a table whose rows came and went within one batch nothing is told.
      assert.deepEqual(best ?? [], expected, 'the best of all rows')
    },
  }
}

export const simulatedTopologies = {
  'copy-and-sum': copyAndSum(),
  'repartition-and-count': repartitionAndCount(),
  'union-and-chain': unionAndChain(),
  'large-rows': largeRows(),
  windowed: windowed(),
  'sessions-and-hops': sessionsAndHops(),
  ranked: ranked(),
  accounted: accounted(),
} as const satisfies Readonly<Record<string, SimulatedTopology>>
export type TopologyName = keyof typeof simulatedTopologies
