import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { json, session } from '../../../service/index.ts'
import { type Event, WindowBed } from './window-bed.ts'

const counts =
  (gap: number, grace = 0) =>
  (input: Parameters<Parameters<typeof WindowBed.of>[0]>[0]) =>
    input.window(session({ gap, grace })).count('w')
const texts =
  (gap: number, grace = 0) =>
  (input: Parameters<Parameters<typeof WindowBed.of>[0]>[0]) =>
    input.window(session({ gap, grace })).aggregate('w', {
      initial: () => '',
      add: (text: string, value: unknown) => text + String(value),
      merge: (left, right) => `${left}|${right}`,
      state: json<string>(),
    })
const at = (key: string, ...times: readonly number[]): readonly Event[] => times.map((time) => [time, key])

for (const store of ['memory', 'scripted'] as const) {
  describe(`sessions by gap on a ${store} store`, () => {
    test('close when the watermark has passed the last event by the gap; what comes later is late', async () => {
      const bed = await WindowBed.of(counts(5), { store })
      await bed.each([...at('k1', 0, 5, 1), ...at('k2', 11), ...at('k1', 5), ...at('k1', 30)])
      assert.deepEqual(bed.read(), ['k1 [0, 10) 3 gap', 'k2 [11, 16) 1 gap'])
      assert.deepEqual(bed.readRecords('late'), ['k1@5'])
      assert.deepEqual(bed.counted, ['all k1@5'])
    })

    test('the same in one batch', async () => {
      const bed = await WindowBed.of(counts(5), { store })
      await bed.batch([...at('k1', 0, 5, 1), ...at('k2', 11), ...at('k1', 5), ...at('k1', 30)])
      assert.deepEqual(bed.read(), ['k1 [0, 10) 3 gap', 'k2 [11, 16) 1 gap'])
      assert.deepEqual(bed.readRecords('late'), ['k1@5'])
    })

    test('events exactly the gap apart are one session, further apart two, which a record between makes one', async () => {
      const bed = await WindowBed.of(counts(10), { store, lateness: 100 })
      await bed.batch(at('x', 0, 11))
      await bed.batch(at('y', 0, 10))
      await bed.batch(at('z', 0, 11))
      await bed.batch(at('z', 5))
      await bed.finish()
      assert.deepEqual(bed.read(), ['x [0, 10) 1 gap', 'y [0, 20) 2 gap', 'x [11, 21) 1 gap', 'z [0, 21) 3 gap'])
    })

    test('lateness is judged by the session that the record would be of', async () => {
      const seconds = (key: string, time: number): Event => [time * 1000, key]
      const bed = await WindowBed.of(counts(10_000), { store, lateness: 30_000 })
      const lines: readonly (readonly [string, number])[] = [
        ['hello world spark streaming', 40],
        ['world hello structured streaming', 41],
        ['spark streaming', 25],
        ['spark streaming', 0],
        ['spark streaming', 30],
        ['hello apache spark', 60],
        ['structured streaming', 90],
      ]
      for (const [line, time] of lines) await bed.batch(line.split(' ').map((word) => seconds(word, time)))
      assert.deepEqual(bed.readRecords('late'), ['spark@0', 'streaming@0'])
      assert.deepEqual(bed.read(), [
        'spark [25000, 50000) 3 gap',
        'hello [40000, 51000) 2 gap',
        'streaming [25000, 51000) 4 gap',
        'structured [41000, 51000) 1 gap',
        'world [40000, 51000) 2 gap',
      ])
    })

    test('go on after a restart', async () => {
      const bed = await WindowBed.of((input) => input.window(session({ gap: 3000 })).sum('w', (value) => Number(value)), {
        store,
        lateness: 100_000,
      })
      await bed.batch([
        [0, 'key2', 1],
        [1000, 'key2', 2],
        [2500, 'key2', 3],
        [10, 'key1', 1],
        [1000, 'key1', 2],
      ])
      await bed.crash()
      await bed.batch([
        [2500, 'key1', 3],
        [5501, 'key2', 4],
        [6000, 'key2', 5],
        [6000, 'key2', 5],
        [6050, 'key2', 6],
      ])
      assert.deepEqual(bed.read(), [])
      await bed.advance(12_000)
      assert.deepEqual(bed.read(), ['key1 [10, 5500) 6 gap', 'key2 [0, 5500) 6 gap', 'key2 [5501, 9050) 20 gap'])
      assert.equal(bed.output, 9000)
    })

    test('a restart between any two batches changes nothing, and nothing is left in the end', async () => {
      const bed = await WindowBed.of(counts(5), { store, lateness: 20, cacheBytes: 1 })
      for (const event of at('k', 0, 3, 20, 9, 14, 40, 26, 61, 70, 90)) {
        await bed.batch([event])
        await bed.crash()
      }
      await bed.finish()
      assert.deepEqual(bed.read(), [
        'k [0, 8) 2 gap',
        'k [9, 19) 2 gap',
        'k [20, 25) 1 gap',
        'k [26, 31) 1 gap',
        'k [40, 45) 1 gap',
        'k [61, 66) 1 gap',
        'k [70, 75) 1 gap',
        'k [90, 95) 1 gap',
      ])
      if (store === 'scripted') assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
    })
  })
}

describe('sessions by gap', () => {
  test('the close is exact, strict, and comes before the record that releases it', async () => {
    const bed = await WindowBed.of(counts(100, 30))
    await bed.batch(at('a', 0))
    await bed.advance(130)
    assert.deepEqual(bed.read(), [])
    assert.equal(bed.output, 0)
    await bed.batch([...at('a', 100), ...at('a', 230)])
    assert.deepEqual(bed.read(), [])
    await bed.batch(at('a', 231))
    assert.deepEqual(bed.read(), ['a [0, 200) 2 gap'])
    assert.equal(bed.output, 101)
    await bed.batch(at('a', 361))
    assert.deepEqual(bed.read(), [])
    await bed.batch(at('a', 362))
    assert.deepEqual(bed.read(), ['a [230, 331) 2 gap'])
  })

  test('a session that the record’s own partition has passed has closed to it, though another partition holds it open', async () => {
    const bed = await WindowBed.of(counts(8, 2), { lateness: 9, partitions: 2 })
    await bed.batch(at('a', 0, 20, 1))
    await bed.finish()
    assert.deepEqual(bed.read(), ['a [0, 8) 1 gap', 'a [1, 9) 1 gap', 'a [20, 28) 1 gap'])
  })

  test('however many such sessions lie side by side, a record of the other partition makes one of those that it reaches', async () => {
    const bed = await WindowBed.of(texts(10), { partitions: 2 })
    const events: readonly Event[] = [
      [0, 'k', 'a'],
      [12, 'other', 'x'],
      [5, 'k', 'b'],
      [20, 'other', 'x'],
      [11, 'k', 'c'],
    ]
    await bed.each(events)
    await bed.crash()
    await bed.each([[3, 'k', 'd', 1]])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [0, 21) "ad|b|c" gap', 'other [12, 30) "xx" gap'])
  })

  test('rows are in the order of their closes, then of the bytes of their keys, over buckets and batches', async () => {
    const bed = await WindowBed.of(counts(1_000_000), { lateness: 10_000_000 })
    for (const key of ['ä', 'b', 'a', 'Z'])
      await bed.batch([
        [7000, key],
        [key === 'b' ? 3_000_001 : 3_000_000, key],
      ])
    await bed.finish()
    assert.deepEqual(
      bed.read().map((row) => row.replace(/\).*/, ')')),
      [
        ...['Z', 'a', 'b', 'ä'].map((key) => `${key} [7000, 1007000)`),
        ...['Z', 'a', 'ä'].map((key) => `${key} [3000000, 4000000)`),
        'b [3000001, 4000001)',
      ],
    )
  })

  test('the aggregate of the earlier of two sessions is merged with that of the later', async () => {
    const bed = await WindowBed.of(texts(5), { lateness: 100 })
    await bed.batch([
      [10, 'k', 'c'],
      [0, 'k', 'a'],
    ])
    await bed.batch([[5, 'k', 'b']])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [0, 15) "ab|c" gap'])
  })

  test('the marks of a key follow sessions that begin before it', async () => {
    const bed = await WindowBed.of(counts(5), { lateness: 1000 })
    await bed.batch(at('k', 900))
    await bed.batch(at('k', 100))
    await bed.batch(at('k', 500))
    assert.deepEqual(bed.stored, { keyed: 1, marks: 2, buckets: 2 })
    await bed.batch(at('x', 1200))
    assert.deepEqual(bed.read(), ['k [100, 105) 1 gap'])
    await bed.batch(at('x', 1507))
    assert.deepEqual(bed.read(), ['k [500, 505) 1 gap'])
    await bed.finish()
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })

  test('an aggregate that becomes undefined ends its session without a row', async () => {
    const bed = await WindowBed.of((input) =>
      input.window(session({ gap: 5 })).aggregate('w', {
        initial: () => 0,
        add: (sum: number, value: unknown) => (value === 'end' ? undefined : sum + 1),
        merge: (left, right) => left + right,
      }),
    )
    await bed.batch([
      [0, 'k'],
      [2, 'k', 'end'],
      [3, 'k'],
    ])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [3, 8) 1 gap'])
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })

  test('a record on which code of the topology throws changes nothing', async () => {
    const bed = await WindowBed.of((input) => input.window(session({ gap: 5 })).sum('w', (value) => Number(value)), {
      onError: 'skip',
    })
    await bed.batch([
      [0, 'k', 1],
      [4, 'k', 'x'],
      [5, 'k', 2],
    ])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [0, 10) 3 gap'])
    assert.match(bed.failures.join(), /^sum 'w' 4 TypeError/)
  })

  test('times at the ends of what a number holds neither crash nor wrap', async () => {
    const bed = await WindowBed.of(counts(5))
    await bed.batch(at('k', -(2 ** 53)))
    await bed.batch(at('k', -3, 0, 2))
    await bed.batch(at('k', 2 ** 53 - 20))
    await bed.finish()
    assert.equal(bed.read().length, 3)
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })
})

describe('rows of sessions as they change', () => {
  test('come once a batch, with what they replace, and a last time with what closed them', async () => {
    const bed = await WindowBed.of(counts(5), { lateness: 20 })
    await bed.batch(at('k', 0, 3))
    assert.deepEqual(bed.read('update'), ['k [0, 8) 2'])
    await bed.batch(at('k', 3))
    assert.deepEqual(bed.read('update'), ['k [0, 8) 3'])
    await bed.batch(at('k', 12))
    assert.deepEqual(bed.read('update'), ['k [12, 17) 1'])
    await bed.batch(at('k', 8))
    assert.deepEqual(bed.read('update'), ['k [0, 17) 5 for [0, 8) [12, 17)'])
    await bed.batch(at('x', 60))
    assert.deepEqual(bed.read('update'), ['k [0, 17) 5 gap', 'x [60, 65) 1'])
  })

  test('a session that grows and closes in one batch first says what it replaces', async () => {
    const bed = await WindowBed.of(counts(5))
    await bed.batch(at('k', 0))
    bed.read('update')
    await bed.batch([...at('k', 2), ...at('x', 60)])
    assert.deepEqual(bed.read('update'), ['k [0, 7) 2 for [0, 5)', 'k [0, 7) 2 gap', 'x [60, 65) 1'])
    assert.deepEqual(bed.read(), ['k [0, 7) 2 gap'])
  })

  test('a final row is replaced by none, even where a record reaches over it', async () => {
    const bed = await WindowBed.of(counts(5, 10))
    await bed.batch(at('k', 0))
    bed.read('update')
    await bed.batch([...at('k', 16), ...at('k', 4), ...at('k', 0)])
    assert.deepEqual(bed.read('update'), ['k [0, 5) 1 gap', 'k [0, 9) 2', 'k [16, 21) 1'])
  })
})

describe('a close of many sessions', () => {
  const keys = 5000
  const many = Array.from({ length: keys }, (_, i): Event => [i % 100, `k${i}`])

  test('is spread over batches; the output watermark waits, and keys in between go by the watermark', async () => {
    const bed = await WindowBed.of(counts(1000), { cacheBytes: 1 })
    for (let i = 0; i < keys; i += 5000) await bed.batch(many.slice(i, i + 5000))
    await bed.batch([[10_000, 'last']])
    const first = bed.read()
    assert.ok(first.length > 900 && first.length < 1400, String(first.length))
    assert.ok(bed.isDue)
    assert.ok(bed.output <= 99)
    const rest = new Set(many.map(([, key]) => key))
    for (const row of first) rest.delete(row.split(' ')[0] ?? '')
    const [open = ''] = rest
    await bed.batch([[10_100, open]])
    assert.equal(bed.read().filter((row) => row.startsWith(`${open} `)).length, 1)
    await bed.crash()
    let batches = 0
    for (; bed.isDue; batches += 1) await bed.batch()
    assert.ok(batches <= 4, String(batches))
    assert.equal(bed.output, 10_100 - 1000)
    await bed.finish()
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })

  test('leaves out no key and repeats none', async () => {
    const bed = await WindowBed.of(counts(1000), { cacheBytes: 1 })
    bed.scripted.pageMax = 7
    await bed.batch(many.slice(0, 3000))
    await bed.finish()
    const rows = bed.read()
    assert.equal(rows.length, 3000)
    assert.equal(new Set(rows).size, 3000)
  })

  test('in a stream in order, marks are few, and moved seldom', async () => {
    const bed = await WindowBed.of(counts(10_000))
    let buckets = 0
    for (let time = 0; time < 60_000; time += 100) {
      await bed.batch(Array.from({ length: 10 }, (_, i): Event => [time + 10 * i, `k${time / 10 + i}`]))
      buckets = Math.max(buckets, bed.stored.buckets)
    }
    assert.ok(buckets < 700, String(buckets))
    assert.equal(bed.read().length, 4999)
  })
})

describe('sessions by gap are', () => {
  const events = fc.array(fc.tuple(fc.integer({ min: -60, max: 60 }), fc.constantFrom('a', 'b')), { maxLength: 40 })
  const gaps = fc.integer({ min: 1, max: 8 })
  const cuts = fc.integer({ min: 1, max: 41 })

  test('what a cut of all events in order of time says, whatever the order, batches and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(events, gaps, cuts, fc.boolean(), async (shuffled, gap, size, crashes) => {
        const bed = await WindowBed.of(counts(gap), { lateness: 120, cacheBytes: crashes ? 1 : 1e6 })
        for (let i = 0; i < shuffled.length; i += size) {
          await bed.batch(shuffled.slice(i, i + size))
          if (crashes) await bed.crash()
        }
        await bed.finish()
        const expected: string[] = []
        for (const key of ['a', 'b']) {
          const times = shuffled.filter(([, of]) => of === key).map(([time]) => time)
          let open: number[] = []
          for (const time of times.toSorted((x, y) => x - y)) {
            if (open.length > 0 && time - Number(open.at(-1)) > gap) {
              expected.push(`${key} [${open[0]}, ${Number(open.at(-1)) + gap}) ${open.length} gap`)
              open = []
            }
            open.push(time)
          }
          if (open.length > 0) expected.push(`${key} [${open[0]}, ${Number(open.at(-1)) + gap}) ${open.length} gap`)
        }
        assert.deepEqual(bed.read().toSorted(), expected.toSorted())
        assert.deepEqual(bed.readRecords('late'), [])
        assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
      }),
      { numRuns: 60 },
    )
  })

  test('the same however the stream is cut, late records included; and no record is lost', async () => {
    const run = async (stream: readonly Event[], gap: number, size: number) => {
      const bed = await WindowBed.of(counts(gap, 3), { lateness: 4 })
      for (let i = 0; i < stream.length; i += size) await bed.batch(stream.slice(i, i + size))
      await bed.finish()
      const updates = bed.rows.update.filter(({ closedBy }) => closedBy !== undefined)
      assert.deepEqual(updates, bed.rows.append)
      const counted = bed.rows.append.reduce((sum, { value }) => sum + Number(value), 0)
      assert.equal(counted + bed.rows.late.length, stream.length)
      return { rows: bed.read(), late: bed.readRecords('late') }
    }
    await fc.assert(
      fc.asyncProperty(events, gaps, cuts, async (stream, gap, size) => {
        assert.deepEqual(await run(stream, gap, size), await run(stream, gap, 1))
      }),
      { numRuns: 60 },
    )
  })
})
