/** Golden files of shipped topologies: input and output as JSON lines, beside the topology; and what may not change the output. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { topicsOf } from '../../service/cli/topology-topics.ts'
import { definitionOf } from '../../service/dsl/topology.ts'
import type { Topology } from '../../service/index.ts'
import { seededRandom } from '../../service/seeded-random.ts'
import { graphOf } from '../../service/topology/graph.ts'
import { repartitionTopic } from '../../service/topology/names.ts'
import { type TestDriver, type TestDriverOptions, testDriver } from '../../service/testing.ts'

export interface InputLine {
  /** Default: the one source of the topology. */
  readonly topic?: string
  readonly key?: string
  readonly value: unknown
  readonly timestamp: number
}
/** A row, but for when and where it was written. */
export interface Final {
  readonly topic: string
  readonly key: unknown
  readonly value: unknown
}
export interface OutputLine extends Final {
  readonly partition: number
  readonly timestamp: number
}

/** A shipped topology, and what is known of it without caudal. */
export interface Golden {
  /** Of the topology's file, and of those beside it. */
  readonly name: string
  readonly topology: Topology
  /** Event time of a line of the input, ms. */
  readonly timeOf: (line: InputLine) => number
  /** By how much lines may come after newer ones and lose nothing. */
  readonly latenessMs: number
  /** Of all rows those that neither batches nor partitions may change; default: all. */
  readonly finalsOf?: <Row extends Final>(rows: readonly Row[]) => readonly Row[]
  /** A line so far ahead that every window before it closes, and that makes no row itself; undefined where nothing waits for time. */
  readonly last?: InputLine
  /** The same rows by hand, over the whole input, in any order: no code of caudal. */
  readonly reference: (input: readonly InputLine[]) => readonly Final[]
}

const fileOf = ({ name }: Golden, kind: 'input' | 'golden') => new URL(`../../topologies/${name}.${kind}.jsonl`, import.meta.url)

const linesOf = (file: URL): readonly unknown[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))

export const inputOf = (golden: Golden) => linesOf(fileOf(golden, 'input')) as readonly InputLine[]

/** What is in the golden file; with UPDATE_GOLDEN=1 it is written first. */
export function expected(golden: Golden, output: readonly OutputLine[]): readonly OutputLine[] {
  const file = fileOf(golden, 'golden')
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, output.map((line) => `${JSON.stringify(line)}\n`).join(''))
  if (!existsSync(file)) throw new Error(`${file.pathname} does not exist: run once with UPDATE_GOLDEN=1 and read what it wrote`)
  return goldenRows(golden)
}

export const goldenRows = (golden: Golden) => linesOf(fileOf(golden, 'golden')) as readonly OutputLine[]

/** The topics of a topology's sources and sinks; those that it reads itself need the name of the application. */
export function topicsOfGolden({ name, topology }: Golden, application = name) {
  const definition = definitionOf(topology)
  const { sources, sinks } = topicsOf(definition, application)
  return {
    sources,
    sinks,
    repartitions: graphOf(definition).repartitions.map((node) => repartitionTopic(application, node.name)),
  }
}

/** The final rows as text, in an order of their own: fields of an object in the order of their names. */
export function finals({ finalsOf = (rows) => rows }: Golden, rows: readonly Final[]): readonly string[] {
  return finalsOf(rows)
    .map(({ topic, key, value }) => `${topic} ${String(key)} ${JSON.stringify(value, byName)}`)
    .toSorted()
}

const byName = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

export interface Replay extends TestDriverOptions {
  /** Sends this many records between two batches. */
  readonly every: number
  /** Called after each batch: a place to crash. */
  readonly after?: (driver: TestDriver, batch: number) => Promise<void>
}

/** Feeds the input, a few records a batch, closes all windows at last, and returns all that was written. */
export async function replay(
  golden: Golden,
  input: readonly InputLine[],
  { every, after, ...options }: Replay,
): Promise<readonly OutputLine[]> {
  const { sources, sinks } = topicsOfGolden(golden)
  // As of the end of the input: no line is ahead of the clock.
  const now = Math.max(...input.map(({ timestamp }) => timestamp))
  const driver = await testDriver(golden.topology, { now, ...options })
  for (let sent = 0, batch = 0; sent < input.length; sent += every, batch++) {
    for (const { topic = sources[0] ?? '', ...record } of input.slice(sent, sent + every)) driver.send(topic, record)
    await driver.batch()
    await after?.(driver, batch)
  }
  await driver.finish()
  const output = sinks.flatMap((topic) =>
    driver.read(topic).map(({ partition, key, value, timestamp }): OutputLine => ({ topic, partition, key, value, timestamp })),
  )
  await driver.stop()
  return output
}

/** Those that come when nothing newer by more than the lateness has come: of none of their windows they are late, in no partition. */
export function inTime({ timeOf, latenessMs }: Golden, input: readonly InputLine[]): readonly InputLine[] {
  let newest = Number.NEGATIVE_INFINITY
  return input.filter((line) => {
    newest = Math.max(newest, timeOf(line))
    return timeOf(line) >= newest - latenessMs
  })
}

/** In another order, in which each comes at most the lateness after a newer one. */
function shuffled({ timeOf, latenessMs }: Golden, input: readonly InputLine[], seed: number): readonly InputLine[] {
  const random = seededRandom(seed)
  const order = new Map(input.map((line) => [line, timeOf(line) + random() * latenessMs]))
  return input.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}

/** The tests that every shipped topology passes. */
export function testGolden(golden: Golden): void {
  const input = inputOf(golden)

  test('plainly, ten records a batch: the golden file, row by row', async () => {
    const rows = await replay(golden, input, { every: 10 })
    assert.deepEqual(rows, expected(golden, rows))
    assert.deepEqual(finals(golden, rows), finals(golden, golden.reference(input)))
  })

  test('with a crash after every third batch: the same rows', async () => {
    const crash = async (driver: TestDriver, batch: number) => {
      if (batch % 3 === 2) await driver.crash()
    }
    const rows = await replay(golden, input, { every: 10, after: crash })
    assert.deepEqual(rows, goldenRows(golden))
  })

  // What is late depends on the partition that it is in: from here on nothing is.
  const lines = inTime(golden, input)
  const reference = finals(golden, golden.reference(lines))

  // A record a batch takes its time.
  const few = lines.slice(0, 300)
  const variants = [
    { batchRecordsMax: 1, of: few, rows: finals(golden, golden.reference(few)) },
    { batchRecordsMax: 7, of: lines, rows: reference },
    { batchRecordsMax: 1_000_000, of: lines, rows: reference },
  ]
  for (const partitions of [1, 4])
    for (const workers of [1, 3])
      for (const { batchRecordsMax, of, rows } of variants) {
        test(`${partitions} partitions, ${workers} workers, at most ${batchRecordsMax} records a batch: the same finals`, async () => {
          const crash = (driver: TestDriver, batch: number) => driver.crash(batch % workers)
          const options = { every: 50, partitions, workers, batchRecordsMax, after: crash }
          assert.deepEqual(finals(golden, await replay(golden, shuffled(golden, of, 1), options)), rows)
        })
      }

  test('in another order, within the lateness: the same finals', async () => {
    for (const seed of [1, 2, 3]) {
      const others = shuffled(golden, lines, seed)
      assert.deepEqual(finals(golden, golden.reference(others)), reference)
      assert.deepEqual(finals(golden, await replay(golden, others, { every: 25 })), reference)
    }
  })
}
