/** The models of the topologies in `topologies/`: the right answer to an input, computed from it as Kafka has it. */
import { addTo, nothing, type Running } from '../topologies/running-fold.ts'
import {
  committedOf,
  type Expected,
  type ExpectedOutput,
  type ExpectedStore,
  inputOf,
  type InputRecord,
  type Version,
} from './expected.ts'
import type { History } from './history.ts'

export const chaosTopologies = ['copy', 'running', 'windowed', 'sessions'] as const
export type ChaosTopology = (typeof chaosTopologies)[number]

interface Part {
  /** The outputs, by what stands behind the prefix of the topics. */
  readonly outputs: readonly string[]
  readonly stores: readonly string[]
  /** How many tasks there are to a partition. */
  readonly subtopologies: number
  /** Whether rows are final only when later records have come on every partition. */
  readonly needsTail: boolean
  /** Of the outputs in the order above, what they should hold. */
  readonly answer: (history: History) => { readonly outputs: readonly ExpectedOutput[]; readonly stores?: Expected['stores'] }
}

/** The key of records that only move time on. */
export const tailPrefix = 'tail-'

export const parts: Readonly<Record<ChaosTopology, Part>> = {
  copy: {
    outputs: ['copy'],
    stores: [],
    subtopologies: 1,
    needsTail: false,
    answer: (history) => ({ outputs: [copied(history)] }),
  },
  running: {
    outputs: ['copy', 'running'],
    stores: ['running'],
    subtopologies: 1,
    needsTail: false,
    answer: (history) => ({
      outputs: [copied(history), { kind: 'changes', store: 'running', rowOf: (_, value) => value }],
      stores: new Map([['running', runningVersions(history)]]),
    }),
  },
  windowed: {
    outputs: ['counts', 'late'],
    stores: ['seconds'],
    subtopologies: 2,
    needsTail: true,
    answer: (history) => ({ outputs: [once(secondsOf(history)), once(new Map())] }),
  },
  sessions: {
    outputs: ['sessions', 'late'],
    stores: ['sessions'],
    subtopologies: 1,
    needsTail: true,
    answer: (history) => ({ outputs: [once(sessionsOf(history)), once(new Map())] }),
  },
}

/** `topics` is the prefix of the topics. */
export function expectedOf(topology: ChaosTopology, topics: string, history: History): Expected {
  const { outputs, answer } = parts[topology]
  const { outputs: rows, stores = new Map() } = answer(history)
  return { outputs: new Map(rows.map((expected, index) => [`${topics}-${outputs[index]}`, expected])), stores }
}

const once = (rows: ReadonlyMap<string, unknown>): ExpectedOutput => ({
  kind: 'once',
  rows,
  weightOf: (row) => (row as { readonly value: number }).value,
})

function copied(history: History): ExpectedOutput {
  const rows = new Map<number, readonly string[]>()
  const beyond = new Set<string>()
  for (const [partition, records] of inputOf(history)) {
    const committed = committedOf(history, history.input, partition)
    rows.set(partition, records.filter(({ offset }) => offset < committed).map(rowOf))
    for (const record of records) if (record.offset >= committed) beyond.add(rowOf(record))
  }
  return { kind: 'exact', rows, beyond }
}

const rowOf = ({ key, value }: InputRecord) => `${key}=${value}`

const keyedShape = '\x01'

function runningVersions(history: History): ExpectedStore {
  const versionsOf = (records: readonly InputRecord[]) => {
    const versions = new Map<string, Version[]>()
    const states = new Map<string, Running>()
    for (const { key, value, offset } of records) {
      const state = addTo(states.get(key) ?? nothing, Number(value))
      states.set(key, state)
      const all = versions.get(keyedShape + key) ?? []
      versions.set(keyedShape + key, all)
      all.push({ position: offset + 1, value: JSON.stringify(state) })
    }
    return versions
  }
  return new Map([...inputOf(history)].map(([partition, records]) => [partition, versionsOf(records)]))
}

/** All but those that only move time on, in order of their partitions. */
const dataOf = (history: History): readonly InputRecord[] =>
  [...inputOf(history).values()].flat().filter(({ key }) => !key.startsWith(tailPrefix))

function secondsOf(history: History): ReadonlyMap<string, unknown> {
  const rows = new Map<string, { readonly start: number; readonly end: number; value: number; readonly closedBy: 'time' }>()
  for (const { value } of dataOf(history)) {
    const number = Number(value)
    const start = Math.floor((number * 100) / 1000) * 1000
    const name = `${number % 7}@${start}`
    const row = rows.get(name) ?? { start, end: start + 1000, value: 0, closedBy: 'time' }
    rows.set(name, row)
    row.value += 1
  }
  return rows
}

interface SessionRow {
  readonly start: number
  readonly end: number
  readonly value: number
  readonly closedBy: 'gap' | 'marker'
}

const gapMs = 3_000

function sessionsOf(history: History): ReadonlyMap<string, SessionRow> {
  const byKey = Map.groupBy(dataOf(history), ({ key }) => key)
  return new Map(
    [...byKey].flatMap(([key, records]) =>
      sessionsIn(records.map(({ value }) => Number(value))).map((row) => [`${key}@${row.start}`, row] as const),
    ),
  )
}

/** The sessions of one key, whose numbers come in order of time. */
function sessionsIn(numbers: readonly number[]): readonly SessionRow[] {
  const rows: SessionRow[] = []
  let open: { start: number; last: number; value: number } | null = null
  const close = (closedBy: SessionRow['closedBy'], endOf: (last: number) => number) => {
    if (open !== null) rows.push({ start: open.start, end: endOf(open.last), value: open.value, closedBy })
    open = null
  }
  const silence = (last: number) => last + gapMs
  for (const number of numbers) {
    const time = number * 100 + Math.floor(number / 10) * 5_000
    if (open !== null && time - open.last > gapMs) close('gap', silence)
    if (number % 10 === 1) {
      close('marker', () => time)
      open = { start: time, last: time, value: 1 }
    } else if (open !== null) open = { start: open.start, last: time, value: open.value + 1 }
    if (number % 10 === 8 && Math.floor(number / 10) % 3 !== 2) close('marker', (last) => last + 1)
  }
  close('gap', silence)
  return rows
}
