/** P12 to P14 when a store is taken: what of it is trusted, and what is built anew. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeProgress } from '../../../service/commit/progress-record.ts'
import { float64 } from '../../../service/index.ts'
import { RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { MemoryStoreBackend } from '../../../service/state/memory-store.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { application, onBed, type ProcessBed, running } from '../../support/process-bed.ts'
import { append, changelog, restored } from './restoring-bed.ts'

const store = { application, store: 'total', partition: 0 }

const holds = (bed: ProcessBed) =>
  Object.fromEntries([...bed.store.entries(store)].map(([key, value]) => [key, value.readDoubleBE()]))

/** 'a' stands at 6 and 'b' at 10, in Kafka and in the store; nobody runs. */
async function history(bed: ProcessBed): Promise<void> {
  const first = bed.start({ instanceId: null, store: 'scripted' })
  await bed.until('it runs', running(bed, 1))
  for (const value of [1, 2, 3]) bed.send('in', { key: 'a', value })
  bed.send('in', { key: 'b', value: 10 })
  await bed.drained('in')
  await bed.stop(first)
  assert.deepEqual(holds(bed), { a: 6, b: 10 })
}

/** The next process goes on, and the store ends as the fold of its changelog. */
async function goesOn(bed: ProcessBed): Promise<void> {
  bed.start({ instanceId: null, store: 'scripted' })
  bed.send('in', { key: 'a', value: 4 })
  await bed.drained('in')
  assertOnce(bed)
  await bed.until('the store follows', () => holds(bed)['a'] === 10)
  assert.deepEqual(holds(bed), { a: 10, b: 10 })
}

describe('a store that is taken', () => {
  test('is trusted where its marker fits: nothing is applied again', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      let rebuilt = 0
      bed.store.fault = (script) => {
        if (script === 'rebuild') rebuilt += 1
        return 'none'
      }
      await goesOn(bed)
      assert.equal(rebuilt, 0)
    }))

  const topicId = (bed: ProcessBed) => bed.cluster.topics([changelog]).then((topics) => topics.get(changelog)?.id ?? '')
  const wrong = { bucket: null, key: Buffer.from('a'), value: float64().encode(999) }

  for (const chunk of [0, 1]) {
    test(`and stands ahead of its changelog (${chunk === 0 ? 'behind its end' : 'within a segment that begins there'}) is built anew`, () =>
      onBed({ topology: numbers }, async (bed) => {
        await history(bed)
        const handle = await bed.store.backend(bed.clock).acquire(store, await topicId(bed))
        assert.ok(handle.marker)
        const end = bed.kafka.endOffset(changelog, 0)
        assert.ok(handle.marker.position <= end)
        if (handle.marker.position < end) await handle.apply({ from: handle.marker, to: { position: end, chunk: 0 }, writes: [] })
        const ahead = chunk === 0 ? { position: end + 1, chunk } : { position: end, chunk }
        await handle.apply({ from: { position: end, chunk: 0 }, to: ahead, writes: [wrong] })
        await goesOn(bed)
      }))
  }

  test('and follows another changelog is built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      const handle = await bed.store.backend(bed.clock).acquire(store, 'another')
      await handle.rebuild(0)
      const to = { position: bed.kafka.endOffset(changelog, 0), chunk: 0 }
      await handle.apply({ from: { position: 0, chunk: 0 }, to, writes: [wrong] })
      await goesOn(bed)
    }))

  test('and whose rebuild was broken off is built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      bed.store.loseEverything()
      let rebuilding = false
      bed.store.fault = (script) => {
        if (script === 'rebuild') rebuilding = true
        return rebuilding && script === 'apply' ? 'before' : 'none'
      }
      const second = bed.start({ instanceId: null, store: 'scripted' })
      await bed.until('it is being built', () => rebuilding)
      await bed.stop(second, { graceful: false })
      bed.store.fault = () => 'none'
      await goesOn(bed)
    }))
})

describe('P12, P13: a store that is lost, set back or taken over while its owner runs', () => {
  const faults: Readonly<Record<string, (bed: ProcessBed) => Promise<void> | void>> = {
    'lost whole': (bed) => bed.store.loseEverything(),
    'without one of its entries': (bed) => bed.store.loseEntry(store, Buffer.from('b')),
    'taken over': async (bed) => void (await bed.store.backend(bed.clock).acquire(store, 'another')),
  }
  for (const [what, happens] of Object.entries(faults)) {
    test(`${what}: noticed by the next apply, though all that is read is cached, and built anew`, () =>
      onBed({ topology: numbers }, async (bed) => {
        bed.start({ instanceId: null, store: 'scripted' })
        await bed.until('it runs', running(bed, 1))
        for (const [key, value] of [
          ['a', 6],
          ['b', 10],
        ] as const)
          bed.send('in', { key, value })
        await bed.drained('in')
        await bed.until('the store follows', () => holds(bed)['b'] === 10)
        await happens(bed)
        bed.send('in', { key: 'a', value: 4 })
        await bed.drained('in')
        await bed.until('the store follows', () => holds(bed)['a'] === 10 && holds(bed)['b'] === 10)
        bed.send('in', { key: 'a', value: 5 })
        await bed.drained('in')
        assertOnce(bed)
      }))
  }
})

describe('a store with buckets', () => {
  for (const kind of ['memory', 'scripted'] as const) {
    test(`${kind}: is restored with all its buckets, which can be listed, scanned and loaded from`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const backend = kind === 'memory' ? new MemoryStoreBackend() : bed.store.backend(bed.clock)
        for (const time of [5, -5, 2 ** 40, 7]) for (const key of ['a', 'b', 'c']) append(bed, time, key, time)
        append(bed, null, 'a', 1)
        for (const key of ['a', 'b', 'c']) append(bed, 7, key, null)
        append(bed, 5, 'b', null)
        append(bed, 5, 'c', 50)
        const { view, result } = await restored(bed, backend)
        const buckets = [
          { time: -5, entries: 3 },
          { time: 5, entries: 2 },
          { time: 2 ** 40, entries: 3 },
        ]
        assert.deepEqual(result.counts, { keyed: 1, buckets })
        assert.deepEqual([view.buckets().first, view.buckets().upTo(5)], [-5, [-5, 5]])
        view.scan(5, 10)
        const [keyed, far, gone] = [view.entry('a'), view.bucket(2 ** 40).entry('b'), view.bucket(7).entry('a')]
        await view.load()
        assert.deepEqual([keyed.value, far.value, gone.value], [1, 2 ** 40, undefined])
        const { entries, complete } = view.scanned(5)
        assert.deepEqual(
          [entries.map(({ key, value }) => [key, value]), complete],
          [
            [
              ['a', 5],
              ['c', 50],
            ],
            true,
          ],
        )
        // A progress record is in no bucket; and what a durable store has is only added to.
        const progress = new RecordBatchBuilder(128)
        const record = { format: 1, batch: 1, fingerprint: '', changelogId: '', positions: [], watermark: null } as const
        progress.append(Buffer.from([0]), encodeProgress({ ...record, upstreamWatermarks: {} }), bed.clock.now())
        const nobody = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false } as const
        bed.kafka.append(changelog, 0, progress.finish({ ...nobody, compression: 'none' }))
        append(bed, 6, 'z', 6)
        const again = await restored(bed, backend)
        assert.deepEqual(again.view.buckets().upTo(2 ** 53), [-5, 5, 6, 2 ** 40])
        assert.equal(again.result.progress?.batch, 1)
      }))
  }
})
