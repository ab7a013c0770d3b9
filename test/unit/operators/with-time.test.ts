/** withTime: windows by another time than the source's, over restarts, idleness and repartition topics, beside streams that keep the old one. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { json, type Sink, stream, type Stream, type Topology, topology, tumbling, type Windowed } from '../../../service/index.ts'
import { type TestDriver, testDriver } from '../../../service/testing.ts'

interface Timed {
  readonly at: number
}
const value = json<unknown>()

async function opened(test: TestContext, of: Topology, options?: Parameters<typeof testDriver>[1]): Promise<TestDriver> {
  const driver = await testDriver(of, options)
  test.after(() => driver.stop())
  return driver
}

/** Tumbling windows of 10 ms with the times in each, under the name, and its late records. */
const gathered = (name: string, input: Stream<string, Timed>): [Sink, Sink] => {
  const windows = input
    .byKey()
    .window(tumbling(10))
    .aggregate(name, { initial: (): readonly number[] => [], add: (times, { at }) => [...times, at] })
  return [windows.emit('append').to(`${name}-finals`, { value }), windows.late().to(`${name}-late`, { value })]
}
const finals = (driver: TestDriver, name: string): readonly string[] =>
  driver
    .read<Windowed<readonly number[]>>(`${name}-finals`)
    .map(({ value: row }) => `[${row.start},${row.end})=${row.value.join(' ')}`)
const late = (driver: TestDriver, name: string): readonly number[] =>
  driver.read<Timed>(`${name}-late`).map(({ value }) => value.at)
const sent = (...times: readonly number[]) => times.map((at) => ({ key: 'a', value: { at }, timestamp: 1000 }))

describe('withTime', () => {
  const read = (options = {}) => stream('in', { value: json<Timed>(), idleAfter: false, ...options })

  test('windows go by the new time, late records by the new watermark', async (test) => {
    const timed = read().withTime(({ at }) => at, { lateness: 5 })
    const driver = await opened(test, topology('timed', gathered('new', timed)))
    driver.send('in', ...sent(1, 12, 8, 15, 3, 30))
    await driver.drain()
    // At 15 the watermark is 10, so that 3 is late; 8 came before.
    assert.deepEqual(finals(driver, 'new'), ['[0,10)=1 8', '[10,20)=12 15'])
    assert.deepEqual(late(driver, 'new'), [3])
  })

  test('fractions are floored, and sinks write the new time', async (test) => {
    const timed = read().withTime(({ at }) => at)
    const driver = await opened(test, topology('floored', [timed.to('out', { value })]))
    driver.send('in', ...sent(1.9, 7))
    await driver.drain()
    assert.deepEqual(
      driver.read('out').map(({ timestamp }) => timestamp),
      [1, 7],
    )
  })

  test('other branches of the stream keep the time they had, and each has a watermark of its own', async (test) => {
    const input = read()
    const sinks = [
      ...gathered('old', input),
      ...gathered(
        'new',
        input.withTime(({ at }) => at),
      ),
    ] as const
    const driver = await opened(test, topology('branches', sinks as unknown as [Sink]))
    const records = [
      [5, 100],
      [25, 101],
      [3, 112],
      [26, 113],
    ] as const
    driver.send('in', ...records.map(([at, timestamp]) => ({ key: 'a', value: { at }, timestamp })))
    await driver.drain()
    assert.deepEqual([finals(driver, 'new'), late(driver, 'new')], [['[0,10)=5'], [3]])
    assert.deepEqual([finals(driver, 'old'), late(driver, 'old')], [['[100,110)=5 25'], []])
  })

  test('what a flatMap makes of one record has each its own time', async (test) => {
    const lines = stream('in', { value: json<readonly number[]>(), idleAfter: false }).flatMap((times) =>
      times.map((at) => ({ at })),
    )
    const driver = await opened(
      test,
      topology(
        'lines',
        gathered(
          'new',
          lines.withTime(({ at }) => at, { lateness: 100 }),
        ),
      ),
    )
    driver.send('in', { key: 'a', value: [3, 14, 25, 4] }, { key: 'a', value: [15, 5] })
    await driver.finish()
    assert.deepEqual(finals(driver, 'new'), ['[0,10)=3 4 5', '[10,20)=14 15', '[20,30)=25'])
  })

  test('of several in a row the last counts', async (test) => {
    const timed = read()
      .withTime(({ at }) => at + 1000, { lateness: 500 })
      .withTime((_, { timestamp }) => timestamp - 1000)
    const driver = await opened(test, topology('row', gathered('new', timed)))
    driver.send('in', ...sent(1, 25))
    await driver.drain()
    assert.deepEqual(finals(driver, 'new'), ['[0,10)=1'])
  })

  test('a union of streams with and without it goes by the least of both', async (test) => {
    const input = read()
    const union = input.filter(({ at }) => at < 0).union(input.filter(({ at }) => at >= 0).withTime(({ at }) => at))
    const driver = await opened(test, topology('union', gathered('both', union)))
    const records = [
      [1, 500],
      [-1, 505],
      [15, 506],
      [35, 507],
    ] as const
    driver.send('in', ...records.map(([at, timestamp]) => ({ key: 'a', value: { at }, timestamp })))
    await driver.drain()
    assert.deepEqual(finals(driver, 'both'), ['[0,10)=1', '[10,20)=15'])
    driver.send('in', { key: 'a', value: { at: 1000 }, timestamp: 509 })
    await driver.drain()
    assert.deepEqual(finals(driver, 'both'), ['[30,40)=35'], 'the other stream, at 509, holds its window open')
  })

  for (const keyed of [true, false])
    test(`goes on after crashes where it was, ${keyed ? 'beside the state' : 'through a keyBy, from the offsets alone'}`, async (test) => {
      const timed = read().withTime(({ at }) => at, { lateness: 5 })
      const input = keyed ? timed : timed.keyBy(() => 'a', { name: 'again' }).records()
      const driver = await opened(test, topology('crashing', gathered('new', input)), { partitions: 2, workers: 2 })
      const send = (partition: number, ...times: readonly number[]) =>
        driver.send('in', ...sent(...times).map((record) => ({ ...record, partition })))
      send(0, 1, 21)
      send(1, 2)
      await driver.drain()
      await driver.crash()
      // Partition 0 stands at 16, and what is older is late there; partition 1 stands at −3, and decides alone how far the task behind is.
      send(0, 3, 17)
      send(1, 4)
      await driver.drain()
      assert.deepEqual(late(driver, 'new'), [3])
      await driver.crash()
      send(1, 40)
      await driver.finish()
      const found = finals(driver, 'new').map((row) => row.replace(/\d+( \d+)*$/, (times) => times.split(' ').sort().join(' ')))
      const expected = keyed ? ['[0,10)=1', '[0,10)=2 4', '[10,20)=17', '[20,30)=21', '[40,50)=40'] : undefined
      assert.deepEqual(found.toSorted(), expected ?? ['[0,10)=1 2 4', '[10,20)=17', '[20,30)=21', '[40,50)=40'])
    })

  test('an idle partition is left out, and silence closes the last windows', async (test) => {
    const timed = read({ idleAfter: '5 seconds' })
      .withTime(({ at }) => at)
      .keyBy(() => 'a', { name: 'again' })
    const windows = timed.window(tumbling('10 seconds')).count('counts')
    const driver = await opened(test, topology('idle', windows.emit('append').to('finals', { value })), { partitions: 2 })
    driver.send('in', { key: 'a', value: { at: 2_000 }, partition: 0 }, { key: 'a', value: { at: 11_000 }, partition: 0 })
    await driver.drain()
    await driver.advance('4 seconds')
    const counts = () => driver.read<Windowed<number>>('finals').map(({ value: { start, value } }) => [start, value])
    assert.deepEqual(counts(), [])
    // Both partitions are idle after 5 s: 11 s counts then, and goes on by the clock.
    await driver.advance('2 seconds')
    assert.deepEqual(counts(), [[0, 1]])
    await driver.crash()
    await driver.advance('16 seconds')
    assert.deepEqual(counts(), [[10_000, 1]])
  })

  test('a stream that it makes idle is left out of a union, and one that wakes takes nothing back', async (test) => {
    const silent = stream('silent', { value: json<Timed>(), idleAfter: '1 second' }).withTime(({ at }) => at)
    const driver = await opened(test, topology('left-out', gathered('both', read({ time: ({ at }: Timed) => at }).union(silent))))
    driver.send('silent', ...sent(1))
    await driver.drain()
    await driver.advance('2 seconds')
    driver.send('in', ...sent(5, 1_000_000))
    await driver.drain()
    assert.deepEqual(finals(driver, 'both'), ['[0,10)=1 5'])
    await driver.crash()
    // What was closed stays closed, though this partition itself stands at 1 only.
    driver.send('silent', ...sent(2, 1_000_001))
    await driver.finish()
    assert.deepEqual(late(driver, 'both'), [2])
    assert.deepEqual(finals(driver, 'both'), ['[1000000,1000010)=1000000 1000001'])
  })

  test('only records that reach it move its watermark', async (test) => {
    const timed = read()
      .filter(({ at }) => at < 100)
      .withTime(({ at }) => at)
    const driver = await opened(test, topology('filtered', gathered('new', timed)))
    driver.send('in', ...sent(1, 500, 2, 12))
    await driver.drain()
    assert.deepEqual(finals(driver, 'new'), ['[0,10)=1 2'])
  })

  test('what is no time, or too far ahead of the clock, gets the policy of its source; what throws, that of the topology', async (test) => {
    const time = ({ at }: Timed): number => {
      if (at === 7) throw new Error('seven')
      return at === 8 ? Number.NaN : at
    }
    const input = read({ onInvalid: 'dead-letter', futureMax: '1 minute' })
    const of = topology('invalid', gathered('new', input.withTime(time)), { onError: 'dead-letter', deadLetterTopic: 'dead' })
    const driver = await opened(test, of)
    driver.send('in', ...sent(1, 7, 8, 2 ** 52 + 1, 500_000, 12))
    await driver.drain()
    assert.deepEqual(finals(driver, 'new'), ['[0,10)=1'])
    const reasons = driver.read('dead').map(({ headers }) => Object.values(headers).map(String).join(' '))
    assert.equal(reasons.length, 4, reasons.join('\n'))
    for (const [i, pattern] of [/withTime failed: Error: seven/, /NaN is no time/, /is no time/, /ahead of the clock/].entries())
      assert.match(reasons[i] ?? '', pattern)
  })
})
