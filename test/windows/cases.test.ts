/** Cases that hold for windows of every kind, and those of other engines' suites that are about more than one operator. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import {
  hopping,
  json,
  type KeyedStream,
  session,
  sliding,
  stream,
  type Topology,
  topology,
  tumbling,
  type Windowed,
} from '../../service/index.ts'
import { type TestDriver, testDriver } from '../../service/testing.ts'
import { WindowBed } from '../unit/operators/window-bed.ts'

async function opened(test: TestContext, of: Topology, options?: Parameters<typeof testDriver>[1]): Promise<TestDriver> {
  const driver = await testDriver(of, options)
  test.after(() => driver.stop())
  return driver
}

const kinds = {
  'tumbling windows': (input: KeyedStream<string, never>) => input.window(tumbling(7)).count('w'),
  'windows of one moment': (input: KeyedStream<string, never>) => input.window(tumbling(1)).count('w'),
  'hopping windows': (input: KeyedStream<string, never>) => input.window(hopping(5, 2)).count('w'),
  'hopping windows at each moment': (input: KeyedStream<string, never>) => input.window(hopping(3, 1, { grace: 2 })).count('w'),
  'sliding windows': (input: KeyedStream<string, never>) => input.window(sliding(5)).count('w'),
  'sliding windows of one moment': (input: KeyedStream<string, never>) => input.window(sliding(0)).count('w'),
  'sessions by gap': (input: KeyedStream<string, never>) => input.window(session({ gap: 5 })).count('w'),
  'sessions by markers': (input: KeyedStream<string, never>) =>
    input.window(session({ gap: 5, endsWith: () => false })).count('w'),
} as const

describe('times at the ends of what is a time neither crash nor wrap', () => {
  const times = [-(2 ** 52), -(2 ** 52) + 1, -1, 0, 1, 2 ** 52 - 1, 2 ** 52]
  for (const [kind, windows] of Object.entries(kinds))
    for (const size of [1, times.length])
      test(`${kind}, ${size} a batch`, async () => {
        const bed = await WindowBed.of(windows)
        for (let i = 0; i < times.length; i += size) {
          await bed.batch(times.slice(i, i + size).map((time) => [time, 'k'] as const))
          await bed.crash()
        }
        await bed.finish()
        const { append, late } = bed.rows
        assert.equal(late.length, 0)
        for (const time of times)
          assert.ok(
            append.some(({ start, end }) => start <= time && time <= end),
            `${time} is in no window`,
          )
        for (const { start, end } of append) assert.ok(start < end && end - start <= 20, `[${start}, ${end})`)
        assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
      })
})

describe('beyond them nothing is a time', () => {
  for (const [kind, windows] of Object.entries(kinds))
    test(kind, async (test) => {
      const source = stream<never>('in', { value: json(), onInvalid: 'skip', futureMax: false })
      const driver = await opened(
        test,
        topology('beyond', [windows(source.byKey()).emit('append').to('finals', { value: json() })]),
      )
      for (const timestamp of [10, 2 ** 52 + 1, 2 ** 53 - 1, 2 ** 53, 2 ** 60])
        driver.send('in', { key: 'k', value: 0, timestamp })
      await driver.drain()
      assert.deepEqual(driver.read('finals'), [])
      await driver.finish()
      assert.ok(driver.read('finals').length > 0)
    })
})

describe('a record a hundred years ahead closes nothing', () => {
  for (const [kind, windows] of Object.entries(kinds))
    test(kind, async (test) => {
      const source = stream<never>('in', { value: json(), onInvalid: 'skip' })
      const counts = windows(source.byKey())
      const driver = await opened(test, topology('ahead', [counts.emit('append').to('finals', { value: json() })]), { now: 1000 })
      const send = (timestamp: number) => driver.send('in', { key: 'k', value: 0, timestamp })
      send(10)
      send(100 * 365 * 86_400_000)
      await driver.drain()
      assert.deepEqual(driver.read('finals'), [])
      send(10)
      await driver.finish()
      const counted = driver.read<Windowed<number>>('finals').map(({ value }) => value.value)
      assert.ok(counted.length > 0 && counted.every((count) => count === 2), JSON.stringify(counted))
    })
})

describe('Spark, append', () => {
  const second = 1000
  const counted = stream('in', { value: json<number>(), lateness: '10 seconds', idleAfter: false })
    .byKey()
    .window(tumbling('5 seconds'))
    .count('counts')
  const of = topology('append', [
    counted.emit('append').to('finals', { value: json() }),
    counted.late().to('late', { value: json() }),
  ])
  /** One batch, of seconds. */
  async function batch(driver: TestDriver, ...seconds: readonly number[]): Promise<readonly (readonly [number, number])[]> {
    driver.send('in', ...seconds.map((at) => ({ key: 'k', value: at, timestamp: at * second })))
    await driver.batch()
    return driver.read<Windowed<number>>('finals').map(({ value: { start, value } }) => [start / second, value])
  }
  const late = (driver: TestDriver) => driver.read<number>('late').map(({ value }) => value)

  test('a window comes once, when the watermark has passed it; what comes later is late', async (test) => {
    const driver = await opened(test, of)
    assert.deepEqual(await batch(driver, 10, 11, 12, 13, 14, 15), [])
    assert.deepEqual(await batch(driver, 25), [[10, 5]])
    assert.deepEqual(await batch(driver, 10), [])
    assert.deepEqual(late(driver), [10])
  })

  test('a stop and a start in between lose nothing, and the watermark stays', async (test) => {
    const driver = await opened(test, of)
    await batch(driver, 10, 11, 12, 13, 14, 15)
    assert.deepEqual(await batch(driver, 25), [[10, 5]])
    await driver.crash()
    assert.deepEqual(await batch(driver, 10, 27, 30), [[15, 1]])
    assert.deepEqual(late(driver), [10])
    assert.deepEqual(await batch(driver, 17), [])
    assert.deepEqual(late(driver), [17])
    await driver.crash()
    assert.deepEqual(await batch(driver, 40), [[25, 2]])
  })

  test('of two inputs the least watermark counts; it never goes back, nor over a start', async (test) => {
    const read = (topic: string, lateness: '10 seconds' | '5 seconds') =>
      stream(topic, { value: json<number>(), lateness, idleAfter: false }).filter((at) => at > 0)
    const counts = read('one', '10 seconds')
      .union(read('other', '5 seconds'))
      .byKey()
      .window(tumbling('5 seconds'))
      .count('counts')
    const driver = await opened(test, topology('two', [counts.emit('append').to('finals', { value: json() })]))
    const send = async (topic: string, at: number) => {
      driver.send(topic, { key: 'k', value: at, timestamp: at * second })
      await driver.batch()
      return driver.read<Windowed<number>>('finals').map(({ value: { start, value } }) => [start / second, value])
    }
    assert.deepEqual(await send('one', 10), [])
    // 0 and 10: the least is 0. Then 30 and 10: 10. Then 30 and 25: 25.
    assert.deepEqual(await send('other', 15), [])
    assert.deepEqual(await send('one', 40), [])
    assert.deepEqual(await send('other', 30), [
      [10, 1],
      [15, 1],
    ])
    await driver.crash()
    // 25 is where it stands, whatever is older.
    assert.deepEqual(await send('other', 26), [])
    assert.deepEqual(await send('other', 36), [[25, 1]])
  })
})
