import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { json, session } from '../../../service/index.ts'
import { type Event, WindowBed } from './window-bed.ts'
import { endsWith, markerReference, stamped, startsWith } from '../../support/window-references.ts'
import { cutOutcome, ids, merge as union, timedRecords, type Value } from '../../windows/runs.ts'

type Table = Parameters<typeof WindowBed.of>[0]

const merge = (left: string, right: string) => left + right
const texts =
  (windows: Parameters<typeof session<string>>[0]): Table =>
  (input) =>
    input.window(session(windows)).aggregate('w', {
      initial: () => '',
      add: (text: string, value: unknown) => (text === '' ? String(value) : `${text} ${String(value)}`),
      merge,
      state: json<string>(),
    })
const counts =
  (windows: Parameters<typeof session<string>>[0]): Table =>
  (input) =>
    input.window(session(windows)).count('w')
const of = (...records: readonly (readonly [number, string])[]): readonly Event[] =>
  records.map(([time, value]) => [time, 'k', value])

const lesson = of([0, 'start'], [5, 'q'], [12, 'q'], [20, 'end'], [25, 'q'], [30, 'start'], [31, 'q'])

describe('sessions with markers, by time', () => {
  for (const store of ['memory', 'scripted'] as const) {
    test(`are ended and begun by records, on a ${store} store`, async () => {
      const bed = await WindowBed.of(counts({ gap: 100, startsWith, endsWith }), { store })
      await bed.each(lesson)
      assert.deepEqual(bed.read(), ['k [0, 21) 4 marker'])
      assert.deepEqual(bed.readRecords('outside'), ['k@25'])
      assert.deepEqual(bed.counted, ['outside k@25'])
      await bed.finish()
      assert.deepEqual(bed.read(), ['k [30, 131) 2 gap'])
      if (store === 'scripted') assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
    })
  }

  test('are the same where the records come in another order, within the lateness', async () => {
    for (const order of [lesson.toReversed(), [...lesson.slice(3), ...lesson.slice(0, 3)]]) {
      const bed = await WindowBed.of(counts({ gap: 100, startsWith, endsWith }), { lateness: 31, cacheBytes: 1 })
      for (const event of order) {
        await bed.batch([event])
        await bed.crash()
      }
      await bed.advance(32)
      assert.deepEqual(bed.read(), ['k [0, 21) 4 marker'])
      assert.deepEqual(bed.readRecords('outside'), ['k@25'])
      await bed.finish()
      assert.deepEqual(bed.read(), ['k [30, 131) 2 gap'])
    }
  })

  test('a start in an open session ends it and opens the next', async () => {
    const bed = await WindowBed.of(texts({ startsWith }))
    await bed.batch(of([0, 'start a'], [3, 'q'], [10, 'start b'], [12, 'r'], [12, 'start c']))
    await bed.advance(1000)
    assert.deepEqual(
      bed.rows.append.map(({ timestamp }) => timestamp),
      [9, 12],
    )
    assert.deepEqual(bed.read(), ['k [0, 10) "start a q" marker', 'k [10, 12) "start b r" marker'])
    await bed.finish()
    assert.deepEqual(bed.read(), [])
    assert.equal(bed.stored.keyed, 1)
    await bed.crash()
    assert.equal(bed.isDue, false)
  })

  test('a record that is both start and end is a session of one', async () => {
    const bed = await WindowBed.of(texts({ startsWith, endsWith }))
    await bed.batch(of([0, 'start'], [4, 'both'], [5, 'q'], [6, 'end'], [7, 'both']))
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [0, 4) "start" marker', 'k [4, 5) "both" marker', 'k [7, 8) "both" marker'])
    assert.deepEqual(bed.readRecords('outside'), ['k@5', 'k@6'])
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })

  test('without startsWith any record opens a session, an end too', async () => {
    const bed = await WindowBed.of(texts({ endsWith }))
    await bed.batch(of([0, 'a'], [4, 'end'], [5, 'end'], [6, 'b']))
    await bed.advance(100)
    assert.deepEqual(bed.read(), ['k [0, 5) "a end" marker', 'k [5, 6) "end" marker'])
  })

  test('silence ends them too, and never joins what a marker has parted', async () => {
    const bed = await WindowBed.of(texts({ gap: 10, endsWith, grace: 2 }))
    await bed.batch(of([0, 'a'], [10, 'b'], [21, 'c'], [22, 'end'], [23, 'd']))
    await bed.advance(33)
    assert.deepEqual(bed.read(), ['k [0, 20) "a b" gap', 'k [21, 23) "c end" marker'])
    assert.equal(bed.output, 21)
    await bed.advance(35)
    assert.deepEqual(bed.read(), [])
    await bed.advance(36)
    assert.deepEqual(bed.read(), ['k [23, 33) "d" gap'])
  })

  test('records at one time are taken in the order of their offsets', async () => {
    const bed = await WindowBed.of(texts({ startsWith, endsWith }), { lateness: 10, partitions: 2 })
    await bed.batch([
      [5, 'k', 'end', 1],
      [5, 'k', 'start', 0],
      [5, 'k', 'q', 0],
    ])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [5, 6) "start q end" marker'])
  })

  test('there are late records, but no late markers', async () => {
    const bed = await WindowBed.of(texts({ gap: 100, endsWith, grace: 3 }))
    await bed.batch(of([0, 'a'], [10, 'b'], [7, 'end'], [6, 'late'], [11, 'c']))
    await bed.finish()
    assert.deepEqual(bed.readRecords('late'), ['k@6'])
    assert.deepEqual(bed.read(), ['k [0, 8) "a end" marker', 'k [10, 111) "b c" gap'])
  })

  test('rows that change say what they replace, and so does what a marker cuts short', async () => {
    const bed = await WindowBed.of(texts({ gap: 100, endsWith }))
    await bed.batch(of([0, 'a']))
    assert.deepEqual(bed.read('update'), [])
    await bed.batch(of([5, 'b']))
    assert.deepEqual(bed.read('update'), ['k [0, 100) "a"'])
    await bed.batch(of([9, 'end']))
    assert.deepEqual(bed.read('update'), ['k [0, 105) "a b" for [0, 100)'])
    await bed.batch(of([10, 'c']))
    assert.deepEqual(bed.read('update'), ['k [0, 10) "a b end" for [0, 105)', 'k [0, 10) "a b end" marker'])
  })

  test('a record on which code of the topology throws changes nothing', async () => {
    const broken = (value: string) => {
      if (value === 'x') throw new Error('no')
      return value === 'end'
    }
    const bed = await WindowBed.of(texts({ endsWith: broken }), { onError: 'skip' })
    await bed.batch(of([0, 'a'], [1, 'x'], [2, 'end']))
    await bed.finish()
    assert.deepEqual(bed.failures, ["aggregate 'w' 1 Error: no"])
    assert.deepEqual(bed.read(), ['k [0, 3) "a end" marker'])
  })
})

describe('sessions with markers, by arrival', () => {
  test('take records as they come', async () => {
    const bed = await WindowBed.of(texts({ gap: 100, startsWith, endsWith, order: 'arrival' }))
    await bed.batch(of([0, 'start'], [5, 'q'], [3, 'old'], [20, 'end']))
    assert.deepEqual(bed.read(), ['k [0, 21) "start q old end" marker'])
    await bed.crash()
    await bed.batch(of([25, 'q'], [30, 'start'], [31, 'q'], [28, 'start again']))
    assert.deepEqual(bed.read(), ['k [30, 31) "start q" marker'])
    assert.deepEqual(bed.readRecords('outside'), ['k@25'])
    await bed.batch(of([200, 'q']))
    assert.deepEqual(bed.read(), ['k [28, 128) "start again" gap'])
    assert.deepEqual(bed.readRecords('outside'), ['k@200'])
  })

  test('silence between two records ends a session before the watermark does', async () => {
    const bed = await WindowBed.of(texts({ gap: 10, endsWith, order: 'arrival' }), { lateness: 1000 })
    await bed.batch(of([0, 'a'], [10, 'b'], [21, 'c']))
    assert.deepEqual(bed.read(), ['k [0, 20) "a b" gap'])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [21, 31) "c" gap'])
  })

  test('a record that would begin a session that has ended is late', async () => {
    const bed = await WindowBed.of(texts({ gap: 10, endsWith, order: 'arrival' }))
    await bed.batch(of([0, 'a'], [1, 'end']))
    await bed.batch([[50, 'other', 'x']])
    await bed.batch(of([39, 'late'], [40, 'b']))
    assert.deepEqual(bed.readRecords('late'), ['k@39'])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [0, 2) "a end" marker', 'k [40, 50) "b" gap', 'other [50, 60) "x" gap'])
  })
})

test('sessions with markers are what their rules say, late records included, however the stream is cut', async () => {
  const sizes = fc.record({
    gap: fc.integer({ min: 1, max: 12 }),
    grace: fc.integer({ min: 0, max: 5 }),
    lateness: fc.integer({ min: 0, max: 30 }),
    needsStart: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(timedRecords, sizes, fc.integer({ min: 1, max: 41 }), async (records, { lateness, ...sizes }, size) => {
      const { gap, grace, needsStart } = sizes
      const ends = { gap, grace, endsWith: ({ kind }: Value) => endsWith(kind) }
      const windows = session(needsStart ? { ...ends, startsWith: ({ kind }: Value) => startsWith(kind) } : ends)
      const bed = await WindowBed.of((input) => input.window(windows).aggregate('w', { ...ids, merge: union }), {
        lateness,
        partitions: 2,
      })
      assert.deepEqual(await cutOutcome(bed, records, size), markerReference(stamped(records, lateness), sizes))
    }),
    { numRuns: 150 },
  )
})
