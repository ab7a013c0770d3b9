import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeOffsetMetadata, offsetMetadataBytesAtMost } from '../../../service/commit/offset-metadata.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { silentLog } from '../../../service/log.ts'
import { prepare } from '../../../service/runtime/start-up.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import { FaultyWire } from '../../support/faulty-wire.ts'
import { json, staticTable, stream, topology } from '../../../service/index.ts'
import { onBed } from '../../support/process-bed.ts'
import { numbers } from '../../support/numbers.ts'

/** A task with so many stores. */
function withStores(count: number) {
  const input = stream('in', { value: json<number>() })
  const sums = Array.from({ length: count }, (_, index) =>
    input
      .byKey()
      .sum(`a-store-with-a-long-name-${String(index).padStart(3, '0')}`, (number) => number)
      .emit('update')
      .to('sums', { value: json() }),
  )
  return topology('many', [input.to('copy', { value: json() }), ...sums])
}

test('P10: offset metadata that could outgrow what the broker takes is refused at the start, before anything is created', () =>
  onBed({ topology: numbers }, async (bed) => {
    const before = bed.kafka.topics().length
    await assert.rejects(bed.prepare(withStores(60)), (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.defects.join('\n'), /sub-topology 0 has 60 stores.* \d+ bytes, and Kafka allows 4096/)
      return true
    })
    assert.equal(bed.kafka.topics().length, before)
    await bed.prepare(withStores(40))
  }))

test('a static table that cannot be read is refused at the start, before anything is created', () =>
  onBed({ topology: numbers }, async (bed) => {
    const before = bed.kafka.topics().length
    const absent = staticTable('absent.csv', { key: (row: { readonly id: string }) => row.id })
    const found = stream('in', { value: json<number>() }).lookup(absent, String, (_, row) => row?.id ?? '')
    const lookups = topology('lookups', found.byKey().count('found').to('sums', { value: json() }))
    await assert.rejects(bed.prepare(lookups), { code: 'configuration', message: /Static table absent\.csv: no such file/ })
    assert.equal(bed.kafka.topics().length, before)
  }))

test('P10: the bound holds for the largest metadata of a task', () => {
  const names = ['total', 'a-much-longer-name']
  const stores = Object.fromEntries(names.map((name) => [name, ['0123456789abcdef0123456789abcdef', 2 ** 52] as const]))
  const metadata = { batch: 2 ** 50, partitionsAtStart: 10_000, watermarks: [-(2 ** 53) + 1, null, -(2 ** 52)], stores }
  assert.ok(Buffer.byteLength(encodeOffsetMetadata(metadata)) <= offsetMetadataBytesAtMost(names, 2))
})

test('a broker that goes while a process starts is asked again', () =>
  onBed({ topology: numbers }, async (bed) => {
    for (const nth of [0, 1, 2]) {
      const wire = new FaultyWire(bed.kafka.wire('starting'))
      let count = 0
      wire.plan({ api: 'Metadata', fault: { kind: 'lose-answer' }, when: () => count++ === nth })
      const { clock } = bed
      const cluster = new Cluster(wire, clock)
      const graph = graphOf(definitionOf(numbers))
      const parts = { graph, application: 'app', cluster, clock, log: silentLog, startTimeoutMs: 0, replicationFactor: -1 }
      const { plan } = await bed.during(prepare(parts))
      assert.deepEqual(plan.tasks, ['0_0'])
      assert.ok(wire.isOver)
    }
  }))
