/** emit('complete') of tables: the whole table, after each batch that changed it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { text } from '../../../service/codec/text.ts'
import { Aggregate } from '../../../service/operators/aggregate.ts'
import { CompleteEmit } from '../../../service/operators/complete-emit.ts'
import { nodeOf } from '../../../service/dsl/facade.ts'
import { json, nullable, stream, topology, tumbling } from '../../../service/index.ts'
import { noProvenance, RecordInput, StreamRecord } from '../../../service/source/record.ts'
import { testDriver } from '../../../service/testing.ts'
import type { AggregateNode } from '../../../service/topology/node.ts'
import { seedOfRun } from '../../support/random.ts'
import { apply, restart, setUp } from '../state/views.ts'

const value = json<unknown>()
const changes = stream('in', { value: nullable(json<number>()) })
/** Doubled rows below 10. */
const small = changes
  .byKey()
  .toTable('t')
  .map((n) => n * 2)
  .filter((n) => n < 10)
const complete = topology('complete', [
  small.emit('complete').to('complete', { value }),
  small.emit('update').to('update', { value }),
])

const read = (rows: readonly { readonly key: unknown; readonly value: unknown; readonly timestamp: number }[]) =>
  rows.map(({ key, value, timestamp }) => `${String(key)} ${String(value)} @${timestamp}`)

test('every row in the order of key bytes, with the newest event time that went in, where a batch changed one', async () => {
  const driver = await testDriver(complete)
  const batch = async (...records: readonly (readonly [key: string, value: number | null, timestamp: number])[]) => {
    driver.send('in', ...records.map(([key, value, timestamp]) => ({ key, value, timestamp })))
    await driver.batch()
    return [read(driver.read('complete')), read(driver.read('update'))]
  }
  assert.deepEqual(await batch(['b', 1, 50], ['ä', 2, 10], ['a', 3, 20], ['large', 7, 99]), [
    ['a 6 @50', 'b 2 @50', 'ä 4 @50'],
    ['b 2 @50', 'ä 4 @10', 'a 6 @20'],
  ])
  assert.deepEqual(await batch(['large', 8, 100], ['never', null, 100]), [[], []], 'what the filter hides triggers nothing')
  assert.deepEqual(await batch(['b', null, 60]), [['a 6 @60', 'ä 4 @60'], []], 'a deletion triggers, and is not shown')
  assert.deepEqual(await batch(['a', 6, 61]), [['ä 4 @61'], []], 'as does a row that leaves through the filter')
  assert.deepEqual(await batch(['ä', null, 62]), [[], []], 'of an empty table there are no rows')
  await driver.stop()
})

test('several read all rows of one table, each through its own steps', async () => {
  const table = changes.byKey().toTable('t')
  const driver = await testDriver(
    topology('several', [
      table.emit('complete').to('plain', { value }),
      table
        .map((n) => n * 10)
        .emit('complete')
        .to('tenfold', { value }),
      table
        .filter((n) => n > 1)
        .emit('complete')
        .to('large', { value }),
      table.to('changes', { value }),
    ]),
  )
  const values = (topic: string) => driver.read(topic).map(({ value }) => value)
  driver.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2 })
  await driver.batch()
  assert.deepEqual(['plain', 'tenfold', 'large', 'changes'].map(values), [[1, 2], [10, 20], [2], [1, 2]])
  driver.send('in', { key: 'a', value: 0 })
  await driver.batch()
  assert.deepEqual(['plain', 'tenfold', 'large', 'changes'].map(values), [[0, 2], [0, 20], [], [0]])
  await driver.stop()
})

test('a table of all rows feeds what comes behind it, windows too, in time', async () => {
  const counts = changes
    .byKey()
    .count('t')
    .emit('complete')
    .byKey()
    .window(tumbling(10))
    .aggregate('w', { initial: () => [], add: (list: number[], n) => [...list, n] })
  const driver = await testDriver(topology('behind', counts.emit('append').to('out', { value })))
  const each = [
    ['a', 1],
    ['b', 2],
    ['a', 11],
    ['b', 21],
  ] as const
  for (const [key, timestamp] of each) {
    driver.send('in', { key, value: 1, timestamp })
    await driver.batch()
  }
  await driver.finish()
  const rows = driver.read<{ readonly start: number; readonly value: readonly number[] }>('out')
  assert.deepEqual(
    rows.map(({ key, value: { start, value } }) => `${String(key)} ${start} ${value.join(' ')}`),
    ['a 0 1 1', 'b 0 1', 'a 10 2', 'b 10 1', 'a 20 2', 'b 20 2'],
  )
  await driver.stop()
})

test('rows on which a step throws are left out of each emission, by policy', async () => {
  const table = changes
    .byKey()
    .toTable('t')
    .map((n) => {
      if (n === 13) throw new Error('unlucky')
      return n
    })
  const driver = await testDriver(topology('throws', table.emit('complete').to('out', { value }), { onError: 'skip' }))
  driver.send('in', { key: 'a', value: 1 }, { key: 'b', value: 13 })
  await driver.batch()
  driver.send('in', { key: 'c', value: 2 })
  await driver.batch()
  assert.deepEqual(
    driver.read('out').map(({ value }) => value),
    [1, 1, 2],
  )
  await driver.stop()
})

const keys = ['a', 'b', 'c', 'ab', 'ä', '']
const change = fc.record({ key: fc.nat(keys.length - 1), value: fc.option(fc.nat(9), { nil: null }), timestamp: fc.nat(99) })
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never

/** The plain table of each partition, and what its readers should get of a batch. */
class Reference {
  readonly #tables: Map<string, number>[]

  constructor(partitions: number) {
    this.#tables = Array.from({ length: partitions }, () => new Map())
  }

  batch(changes: readonly Change[], partition: number): readonly string[] {
    const table = this.#tables[partition]
    assert.ok(table)
    const before = new Map(table)
    const times = new Map<string, number>()
    for (const { key: index, value, timestamp } of changes) {
      const key = keys[index] ?? ''
      times.set(key, Math.max(timestamp, times.get(key) ?? 0))
      if (value === null) table.delete(key)
      else table.set(key, value * 2)
    }
    const isShown = (rows: ReadonlyMap<string, number>, key: string) => (rows.get(key) ?? 99) < 10
    const visible = [...times].filter(([key]) => isShown(before, key) || isShown(table, key))
    if (visible.length === 0) return []
    const newest = Math.max(...visible.map(([, time]) => time))
    const shown = [...table.keys()].filter((key) => isShown(table, key))
    return shown
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((key) => `${key} ${table.get(key)} @${newest}`)
  }
}

test('after each batch: the table as of that batch, whatever crashes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ changes: fc.array(change, { maxLength: 6 }), crashes: fc.boolean() }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 2 }),
      async (batches, partitions, workers) => {
        const driver = await testDriver(complete, { partitions, workers })
        const reference = new Reference(partitions)
        for (const { changes, crashes } of batches) {
          const partitionOf = ({ key }: Change) => key % partitions
          for (const each of changes) driver.send('in', { ...each, key: keys[each.key], partition: partitionOf(each) })
          await driver.batch()
          const found = driver.read('complete')
          // The sink chooses partitions by the key; what one task wrote is told by the rows' keys.
          const byTask = Map.groupBy(found, ({ key }) => keys.indexOf(String(key)) % partitions)
          for (let partition = 0; partition < partitions; partition++) {
            const rows = (byTask.get(partition) ?? []).toSorted((a, b) =>
              Buffer.compare(Buffer.from(String(a.key)), Buffer.from(String(b.key))),
            )
            const own = changes.filter((each) => partitionOf(each) === partition)
            assert.deepEqual(read(rows), reference.batch(own, partition))
          }
          if (crashes) await driver.crash()
        }
        await driver.stop()
      },
    ),
    { seed: seedOfRun(), numRuns: 60 },
  ))

describe('with state that has left memory', () => {
  test('reads the table from the store, page by page, in each batch', async () => {
    const { view, handle, store, cache } = await setUp({ bytesMax: 1 })
    store.pageMax = 3
    const node = nodeOf(changes.byKey().sum('s', Number)) as AggregateNode
    const never = { value: Number.NEGATIVE_INFINITY, isIdle: false }
    let written: string[] = []
    const failed = (_: string, error: unknown) => {
      throw error
    }
    const rows = (): Aggregate => aggregate
    const emit = new CompleteEmit({
      rows: { loadRows: () => rows().loadRows(), replay: (next, timestamp) => rows().replay(next, timestamp) },
      input: never,
      next: (row, { key, timestamp }) => void written.push(`${String(key)} ${String(row)} @${timestamp}`),
    })
    const aggregate = new Aggregate({ node, view, input: never, failed, next: emit.push })
    const batch = async (key: string, value: number, timestamp: number) => {
      written = []
      emit.begin()
      aggregate.begin()
      const input = { topic: 'in', partition: 0, columns: null, first: 0, keys: text(), provenance: noProvenance }
      aggregate.push(value, new StreamRecord(new RecordInput({ ...input, timestamps: Float64Array.of(timestamp) }), 0, key))
      for (const operator of [aggregate, emit]) {
        for (let load = operator.load(); load !== undefined; load = operator.load()) await load
        operator.run()
      }
      await apply(view, handle, view.takeChanges())
    }
    const expected = new Map<string, number>()
    for (let i = 0; i < 40; i++) {
      const key = `k${(i * 7) % 20}`
      await batch(key, i, i)
      expected.set(key, (expected.get(key) ?? 0) + i)
      const sorted = [...expected].toSorted(([a], [b]) => (a < b ? -1 : 1))
      assert.deepEqual(
        written,
        sorted.map(([key, sum]) => `${key} ${sum} @${i}`),
      )
      view.beginBatch()
      assert.equal(cache.bytes, 0)
      if (i % 9 === 8) await restart(view, handle)
    }
  })
})
