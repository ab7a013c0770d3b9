/** A whole topology with windows, run on the driver in any way: cuts, crashes, partitions, workers, a repartition; and what it made of its input. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { json, type Sink, stream, topology, type Windowed, type WindowedTable } from '../../service/index.ts'
import type { KeyedStream } from '../../service/index.ts'
import { driverWith } from '../../service/runtime/driver.ts'
import { CommittedTime } from '../support/committed-time.ts'
import type { WindowBed } from '../unit/operators/window-bed.ts'
import { type Arrived, type Expected, rowOf, stamped } from '../support/window-references.ts'

/** A record to be sent; `bad` ones have no value that can be read, or none at all. */
export interface Sent {
  readonly key: string
  readonly time: number
  readonly partition: number
  readonly kind: string
  readonly bad: 'no' | 'invalid' | 'null'
}

export interface Run {
  readonly sent: readonly Sent[]
  readonly lateness: number
  readonly batchRecordsMax: number
  /** `keyed`: each key is in one partition, as `byKey` wants it; `keyBy`: through a repartition topic. */
  readonly by: 'keyed' | 'keyBy'
  readonly workers: number
  readonly partitions: number
  /** Where event time comes from: the source's `time`, or a `withTime` behind a source whose own time is another. */
  readonly time: 'source' | 'withTime'
  /** What happens after the n-th record, again and again from the first. */
  readonly steps: readonly ('nothing' | 'batch' | 'crash' | 'crash of one')[]
}

export interface Value {
  readonly id: number
  readonly time: number
  readonly kind: string
}
export type AnyKeyed = KeyedStream<string, Value>
export type AnyWindows = WindowedTable<string, readonly number[], Value>

/** Collects ids. Sessions, and slices of hopping windows, come together. */
export const ids = { initial: (): readonly number[] => [], add: (all: readonly number[], { id }: Value) => [...all, id] }
export const merge = (left: readonly number[], right: readonly number[]): readonly number[] => [...left, ...right]

const partitions = 2
/** Keyed input has each key in one partition. */
const partitionOf = ({ key, partition }: Sent, { by, partitions: spread }: Run): number =>
  by === 'keyed' ? key.charCodeAt(0) % partitions : partition % spread

export const runs: fc.Arbitrary<Run> = fc.record({
  sent: fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      time: fc.integer({ min: 0, max: 80 }),
      partition: fc.integer({ min: 0, max: partitions - 1 }),
      kind: fc.constantFrom('q', 'q', 'q', 'start', 'end', 'both'),
      bad: fc.constantFrom('no', 'no', 'no', 'no', 'no', 'no', 'invalid', 'null'),
    }),
    { minLength: 1, maxLength: 24 },
  ),
  lateness: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(100)),
  batchRecordsMax: fc.constantFrom(1, 2, 7, 1000),
  by: fc.constantFrom('keyed', 'keyBy'),
  workers: fc.constantFrom(1, 2),
  partitions: fc.constantFrom(1, partitions),
  time: fc.constantFrom('source', 'withTime'),
  steps: fc.array(fc.constantFrom('nothing', 'nothing', 'batch', 'batch', 'crash', 'crash of one'), {
    minLength: 1,
    maxLength: 6,
  }),
})

/** The records of the run that can be read, with the stamps of their partitions. */
export function arrivedOf(run: Run): readonly Arrived[] {
  const readable = run.sent.flatMap((sent, id) => {
    const { key, time, kind, bad } = sent
    return bad === 'no' ? { id, key, time, kind, partition: partitionOf(sent, run) } : []
  })
  return stamped(readable, run.lateness)
}

/** What came of it. Checks on the way: I7, I8 but for markers, I11, and that the last rows of `update` are those of `append`. */
export async function outcomeOf(
  run: Run,
  windowsOf: (keyed: AnyKeyed) => AnyWindows,
  sides: 'late' | 'outside',
): Promise<Expected> {
  const [source, time] = [
    { value: json<Value>(), idleAfter: false, onInvalid: 'dead-letter' } as const,
    (value: Value) => value.time,
  ]
  const { lateness } = run
  const timed =
    run.time === 'source'
      ? stream('events', { ...source, time, lateness })
      : stream('events', { ...source, time: ({ id }) => 1000 - id }).withTime(time, { lateness })
  const windows = windowsOf(run.by === 'keyed' ? timed.byKey() : timed.keyBy((_, { key }) => key))
  const sinks: [Sink, ...Sink[]] = [
    windows.emit('append').to('finals', { value: json() }),
    windows.emit('update').to('updates', { value: json() }),
    windows.late().to('late', { value: json() }),
    ...(sides === 'outside' ? [windows.outside().to('outside', { value: json() })] : []),
  ]
  const of = topology('run', sinks, { deadLetterTopic: 'dead' })
  const options = { partitions, batchRecordsMax: run.batchRecordsMax, workers: run.workers }
  const { driver, kafka } = await driverWith(of, options)
  const committed = new CommittedTime(kafka, 'run')
  try {
    for (const [id, sent] of run.sent.entries()) {
      const { key, time, kind, bad } = sent
      const value = bad === 'null' ? null : Buffer.from(bad === 'invalid' ? 'no json' : JSON.stringify({ id, time, kind }))
      driver.sendBytes('events', { key: Buffer.from(key), value, timestamp: 0, partition: partitionOf(sent, run) })
      const step = run.steps[id % run.steps.length]
      if (step !== 'nothing') await driver.batch()
      if (step === 'crash') await driver.crash()
      if (step === 'crash of one') await driver.crash(id % run.workers)
      committed.look()
    }
    await driver.finish()
    committed.look()
    assert.ok(committed.seen > 0 || arrivedOf(run).length === 0)
    const rows = (topic: string) =>
      driver.read<Windowed<readonly number[]>>(topic).map(({ key, value: { start, end, value, closedBy } }) => ({
        window: `${String(key)}[${start},${end})`,
        row: rowOf(String(key), { start, end, ids: value, closedBy: closedBy ?? 'nothing' }),
        ids: value,
      }))
    const finals = rows('finals')
    const sorted = (all: readonly { readonly row: string }[]) => all.map(({ row }) => row).toSorted()
    assert.deepEqual(sorted(rows('updates').filter(({ row }) => !row.endsWith('nothing'))), sorted(finals))
    // Markers may end two sessions of one moment.
    if (!finals.some(({ row }) => row.endsWith('marker')))
      assert.equal(new Set(finals.map(({ window }) => window)).size, finals.length, 'I8: one final row per window and key')
    const idsOf = (topic: string) =>
      driver
        .read<Value>(topic)
        .map(({ value }) => value.id)
        .toSorted((a, b) => a - b)
    const [late, outside] = [idsOf('late'), sides === 'outside' ? idsOf('outside') : []]
    const isBad = (bad: Sent['bad']) => run.sent.filter((sent) => sent.bad === bad).length
    assert.equal(driver.read('dead').length, isBad('invalid'))
    const everyOne = [...new Set(finals.flatMap((final) => final.ids)), ...late, ...outside]
    const readable = arrivedOf(run).map(({ id }) => id)
    assert.deepEqual(
      everyOne.toSorted((a, b) => a - b),
      readable,
      'I11: in a window, late or outside, and in one of these only',
    )
    return { rows: sorted(finals), late, outside }
  } finally {
    await driver.stop()
  }
}

/** Records for one operator alone, of two source partitions. */
export const timedRecords: fc.Arbitrary<readonly Omit<Arrived, 'stamp'>[]> = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b'),
      time: fc.integer({ min: -40, max: 60 }),
      partition: fc.integer({ min: 0, max: 1 }),
      kind: fc.constantFrom('q', 'q', 'q', 'start', 'end', 'both'),
    }),
    { maxLength: 40 },
  )
  .map((records) => records.map((record, id) => ({ id, ...record })))

/** What one operator makes of them in batches of `size`, with a restart after each where `size` is even. Nothing is left in its store. */
export async function cutOutcome(bed: WindowBed, records: readonly Omit<Arrived, 'stamp'>[], size: number): Promise<Expected> {
  const events = records.map(({ id, key, time, kind, partition }) => [time, key, { id, time, kind }, partition] as const)
  for (let i = 0; i < events.length; i += size) {
    await bed.batch(events.slice(i, i + size))
    if (size % 2 === 0) await bed.crash()
  }
  await bed.finish()
  const { append, update, late, outside } = bed.rows
  assert.deepEqual(
    update.filter(({ closedBy }) => closedBy !== undefined),
    append,
  )
  assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  const rows = append.map(({ key, start, end, value, closedBy }) =>
    rowOf(key, { start, end, ids: value as readonly number[], closedBy: closedBy ?? 'nothing' }),
  )
  const idsOf = (side: typeof late) => side.map(({ value }) => (value as Value).id).toSorted((a, b) => a - b)
  return { rows: rows.toSorted(), late: idsOf(late), outside: idsOf(outside) }
}
