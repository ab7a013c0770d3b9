/** Event time through the whole of a process: sessions and sliding windows, windows of windows, backlogs, idleness. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { json, session, sliding, stream, type Topology, topology, tumbling, type Windowed } from '../../../service/index.ts'
import { type TestDriver, testDriver } from '../../../service/testing.ts'
import { timekeeperBed } from './timekeeper-bed.ts'

async function opened(test: TestContext, of: Topology, options?: Parameters<typeof testDriver>[1]): Promise<TestDriver> {
  const driver = await testDriver(of, options)
  test.after(() => driver.stop())
  return driver
}

/** Rows as `key[start,end)=value`, with what closed them. */
const rowsOf = (driver: TestDriver, topic = 'finals'): readonly string[] =>
  driver.read<Windowed<unknown>>(topic).map(({ key, value: { start, end, value, closedBy } }) => {
    return `${String(key)}[${start},${end})=${String(value)}${closedBy === undefined ? '' : ` ${closedBy}`}`
  })

const numbers = stream('events', { value: json<number>() }).byKey()
const numbered = (key: string, ...events: readonly (readonly [value: number, timestamp: number])[]) =>
  events.map(([value, timestamp]) => ({ key, value, timestamp }))

describe('sessions', () => {
  const counted = (gap: number) => {
    const counts = numbers.window(session({ gap })).count('counts')
    const sinks = [counts.emit('append').to('finals', { value: json() }), counts.late().to('late', { value: json() })] as const
    return topology('sessions', sinks)
  }

  test('end by silence; a record that comes too late for the session that it would make is late', async (test) => {
    const driver = await opened(test, counted(5))
    const events = [
      ['k1', 0],
      ['k1', 5],
      ['k1', 1],
      ['k2', 11],
      ['k1', 5],
      ['k1', 30],
    ] as const
    driver.send('events', ...events.map(([key, timestamp]) => ({ key, value: 1, timestamp })))
    await driver.drain()
    assert.deepEqual(rowsOf(driver), ['k1[0,10)=3 gap', 'k2[11,16)=1 gap'])
    assert.deepEqual(
      driver.read('late').map(({ timestamp }) => timestamp),
      [5],
    )
  })

  test('a record between two of them makes them one', async (test) => {
    const source = stream('events', { value: json<number>(), lateness: 100 })
    const counts = source
      .byKey()
      .window(session({ gap: 10 }))
      .count('counts')
    const of = topology('bridged', [counts.emit('append').to('finals', { value: json() })])
    const driver = await opened(test, of)
    driver.send('events', ...numbered('apart', [1, 0], [1, 11]), ...numbered('bridged', [1, 0], [1, 11], [1, 5]))
    await driver.finish()
    assert.deepEqual(rowsOf(driver), ['apart[0,10)=1 gap', 'apart[11,21)=1 gap', 'bridged[0,21)=3 gap'])
  })

  test('go on after a crash where they were', async (test) => {
    const sums = numbers.window(session({ gap: '3 seconds' })).sum('sums', (n) => n)
    const driver = await opened(test, topology('crashing', [sums.emit('append').to('finals', { value: json() })]))
    driver.send('events', ...numbered('key2', [1, 0], [2, 1000], [3, 2500]), ...numbered('key1', [1, 10], [2, 1000]))
    await driver.drain()
    await driver.crash()
    driver.send('events', ...numbered('key1', [3, 2500]), ...numbered('key2', [4, 5501], [5, 6000], [5, 6000], [6, 6050]))
    driver.send('events', ...numbered('other', [0, 12_000]))
    await driver.drain()
    assert.deepEqual(rowsOf(driver), ['key1[10,5500)=6 gap', 'key2[0,5500)=6 gap', 'key2[5501,9050)=20 gap'])
  })

  interface Step {
    readonly kind: 'start' | 'question' | 'end'
  }
  const marked = (): Topology => {
    const lessons = stream('lessons', { value: json<Step>(), lateness: 40 }).byKey()
    const classes = lessons
      .window(session({ gap: 100, startsWith: ({ kind }) => kind === 'start', endsWith: ({ kind }) => kind === 'end' }))
      .count('classes')
    return topology('classes', [
      classes.emit('append').to('finals', { value: json() }),
      classes.outside().to('outside', { value: json() }),
    ])
  }
  const steps = [
    ['start', 0],
    ['question', 5],
    ['question', 12],
    ['end', 20],
    ['question', 25],
    ['start', 30],
    ['question', 31],
  ] as const

  test('end by a record, wherever it stands among its neighbours', async (test) => {
    for (const order of [steps, steps.toReversed(), [...steps.slice(3), ...steps.slice(0, 3)]]) {
      const driver = await opened(test, marked())
      driver.send('lessons', ...order.map(([kind, timestamp]) => ({ key: 'a', value: { kind }, timestamp })))
      driver.send('lessons', { key: 'other', value: { kind: 'question' }, timestamp: 80 })
      await driver.drain()
      assert.deepEqual(rowsOf(driver), ['a[0,21)=4 marker'])
      assert.deepEqual(
        driver.read('outside').map(({ timestamp }) => timestamp),
        [25],
      )
    }
  })
})

test('sliding windows are those of each record, where not empty', async (test) => {
  const source = stream('events', { value: json<number>(), lateness: 100 }).byKey()
  const joined = source
    .window(sliding(10))
    .aggregate('joined', { initial: () => '', add: (left, right: number) => (left === '' ? String(right) : `${left}+${right}`) })
  const driver = await opened(test, topology('sliding', [joined.emit('append').to('finals', { value: json() })]))
  driver.send('events', ...numbered('A', [1, 10], [2, 10], [3, 14], [4, 15], [5, 20], [6, 22], [7, 30]))
  await driver.finish()
  const found = driver.read<Windowed<string>>('finals').map(({ value: { start, value } }) => `${start}:${value}`)
  const all = '0:1+2 4:1+2+3 5:1+2+3+4 10:1+2+3+4+5 11:3+4+5 12:3+4+5+6 15:4+5+6 16:5+6 20:5+6+7 21:6+7 23:7'
  assert.deepEqual(
    found.toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b)),
    all.split(' '),
  )
})

describe('watermarks', () => {
  test('windows of windows lose nothing: a day has its twenty-four hours', async (test) => {
    const hours = numbers.window(tumbling('1 hour')).count('hours').emit('append')
    const days = hours
      .byKey()
      .window(tumbling('1 day'))
      .sum('days', ({ value }) => value)
    const counted = hours.byKey().window(tumbling('1 day')).count('counted')
    const driver = await opened(
      test,
      topology('nested', [
        days.emit('append').to('finals', { value: json() }),
        counted.emit('append').to('counted', { value: json() }),
      ]),
      { batchRecordsMax: 7 },
    )
    const everyTenMinutes = Array.from({ length: 2 * 24 * 6 }, (_, i) => [1, i * 600_000] as const)
    driver.send('events', ...numbered('a', ...everyTenMinutes))
    await driver.finish()
    const day = 86_400_000
    assert.deepEqual(rowsOf(driver), [`a[0,${day})=144 time`, `a[${day},${2 * day})=144 time`])
    assert.deepEqual(rowsOf(driver, 'counted'), [`a[0,${day})=24 time`, `a[${day},${2 * day})=24 time`])
  })

  for (const [kind, windows] of Object.entries({ tumbling: tumbling(10, { grace: 3 }), sessions: session({ gap: 4, grace: 3 }) }))
    test(`${kind} with nothing open hold up none behind a repartition topic`, async (test) => {
      const inner = numbers.window(windows).count('inner').emit('append')
      const outer = inner
        .keyBy(() => 'all')
        .window(tumbling(20))
        .count('outer')
      const of = topology('silent', [outer.emit('append').to('finals', { value: json() })])
      const driver = await opened(test, of, { partitions: 2 })
      driver.send('events', { key: 'a', value: 1, timestamp: 1, partition: 0 })
      await driver.drain()
      await driver.finish()
      assert.deepEqual(rowsOf(driver), ['all[0,20)=1 time'])
    })

  test('a backlog whose partitions lie hours apart is replayed without a late record', async (test) => {
    const partitions = 4
    const hour = 3_600_000
    const source = stream('events', { value: json<number>(), idleAfter: false })
    const counts = source
      .keyBy((n) => n % 3)
      .window(tumbling('10 minutes'))
      .count('counts')
    const of = topology('backlog', [
      counts.emit('append').to('finals', { value: json(), keyOf: (_, { key }) => String(key) }),
      counts.late().to('late', { value: json(), keyOf: (_, { key }) => String(key) }),
    ])
    const driver = await opened(test, of, { partitions, batchRecordsMax: 50, workers: 2 })
    // Each partition is in order, and reads an hour behind the one before it at any time.
    for (let partition = 0; partition < partitions; partition++) {
      for (let i = 0; i < 100; i++) {
        const timestamp = partition * hour + i * 60_000
        driver.send('events', { key: 'any', value: i, timestamp, partition })
      }
    }
    await driver.finish()
    assert.equal(driver.read('late').length, 0)
    const total = driver.read<Windowed<number>>('finals').reduce((sum, { value }) => sum + value.value, 0)
    assert.equal(total, partitions * 100)
  })

  test('silence closes the last windows: time moves by the clock from where it stood', async (test) => {
    const source = stream('events', { value: json<number>(), idleAfter: '5 seconds' })
    const counts = source
      .keyBy((n) => n)
      .window(tumbling('10 seconds'))
      .count('counts')
    const of = topology('idle', [counts.emit('append').to('finals', { value: json(), keyOf: (_, { key }) => String(key) })])
    const driver = await opened(test, of, { partitions: 2 })
    driver.send('events', { key: 'any', value: 1, timestamp: 2_000, partition: 0 })
    await driver.drain()
    await driver.advance('4 seconds')
    assert.deepEqual(rowsOf(driver), [])
    // 5 s until both partitions count as idle, then 8 s of event time.
    await driver.advance('12 seconds')
    assert.deepEqual(rowsOf(driver), ['1[0,10000)=1 time'])
    // What comes later is of its own time: nothing jumped to the clock.
    driver.send('events', { key: 'any', value: 1, timestamp: 25_000, partition: 0 })
    await driver.finish()
    assert.deepEqual(rowsOf(driver), ['1[20000,30000)=1 time'])
  })

  for (const [name, windows] of [
    ['tumbling windows', tumbling('10 seconds')],
    ['sessions', session({ gap: '9 seconds' })],
  ] as const)
    test(`silence closes windows of ${name} too`, async (test) => {
      const events = stream('events', { value: json<number>(), idleAfter: '5 seconds' }).byKey()
      const inner = events.window(windows).count('inner').emit('append')
      const outer = inner.byKey().window(tumbling('1 minute')).count('outer').emit('append')
      const driver = await opened(test, topology('silent', [outer.to('finals', { value: json() })]))
      driver.send('events', ...numbered('a', [1, 1_000]))
      await driver.drain()
      await driver.advance('50 seconds')
      assert.deepEqual(rowsOf(driver), [])
      await driver.advance('30 seconds')
      assert.deepEqual(rowsOf(driver), ['a[0,60000)=1 time'])
    })

  test('without idleAfter an empty partition holds windows open', async (test) => {
    const source = stream('events', { value: json<number>(), idleAfter: false })
    const counts = source
      .keyBy((n) => n)
      .window(tumbling(10))
      .count('counts')
    const of = topology('held', [counts.emit('append').to('finals', { value: json(), keyOf: (_, { key }) => String(key) })])
    const driver = await opened(test, of, { partitions: 2 })
    driver.send('events', ...[0, 100].map((timestamp) => ({ key: 'any', value: 1, timestamp, partition: 0 })))
    await driver.advance('5 minutes')
    assert.deepEqual(rowsOf(driver), [])
    driver.send('events', { key: 'any', value: 1, timestamp: 50, partition: 1 })
    await driver.drain()
    assert.deepEqual(rowsOf(driver), ['1[0,10)=1 time'])
  })

  test('two inputs have the lateness of each, and the least counts, over crashes too', async (test) => {
    const one = stream('one', { value: json<number>(), lateness: '10 seconds' })
    const other = stream('other', { value: json<number>(), lateness: '5 seconds' })
    const counts = one.union(other).byKey().window(tumbling('5 seconds')).count('counts')
    const driver = await opened(test, topology('two', [counts.emit('append').to('finals', { value: json() })]))
    driver.send('one', ...numbered('a', [1, 1_000], [1, 30_000]))
    await driver.drain()
    assert.deepEqual(rowsOf(driver), [])
    driver.send('other', ...numbered('a', [1, 11_000]))
    await driver.drain()
    await driver.crash()
    assert.deepEqual(rowsOf(driver), ['a[0,5000)=1 time'])
    driver.send('other', ...numbered('a', [1, 2_000], [1, 40_000]))
    await driver.drain()
    // The least is that of `one`, 20 s; what came at 2 s was late.
    assert.deepEqual(rowsOf(driver), ['a[10000,15000)=1 time'])
  })
})

describe('a partition is idle', () => {
  const minute = 60_000
  const allowed = { one: '1 minute', other: '1 minute' } as const
  /** Moves the feed of `one` as `change` says, and tells whether it is idle after minutes of silence. */
  const isIdle = (change: (feed: ReturnType<ReturnType<typeof timekeeperBed>['feedOf']>) => void): boolean => {
    const { keeper, feedOf, observe } = timekeeperBed(allowed)
    change(feedOf('one'))
    for (let at = 1; at <= 5; at++) observe(at * minute)
    return keeper.sourceOf('one', 0).isIdle
  }

  test('when it was read to its end, and nothing has come for as long as its source says', () => {
    const { keeper, observe } = timekeeperBed(allowed)
    observe(minute - 1)
    assert.equal(keeper.sourceOf('one', 0).isIdle, false)
    observe(minute)
    assert.equal(keeper.sourceOf('one', 0).isIdle, true)
    keeper.activate([{ topic: 'one', partition: 0, from: 0, to: 1 }] as unknown as Parameters<typeof keeper.activate>[0])
    assert.equal(keeper.sourceOf('one', 0).isIdle, false)
  })

  test('and not by silence: while it lags', () => {
    assert.equal(
      isIdle(() => {}),
      true,
    )
    assert.equal(
      isIdle((feed) => void (feed.highWatermark = feed.lastStableOffset = 6)),
      false,
    )
  })

  test('while it waits for somebody’s transaction', () => {
    assert.equal(
      isIdle((feed) => void (feed.highWatermark = 6)),
      false,
    )
  })

  test('while what was fetched waits for its batch', () => {
    assert.equal(
      isIdle((feed) => void feed.chunks.push('records')),
      false,
    )
  })

  test('while it is cut off from its broker', () => {
    const { keeper, observe } = timekeeperBed(allowed)
    observe(minute - 1)
    for (let at = 1; at <= 5; at++) keeper.observe(at * minute)
    assert.equal(keeper.sourceOf('one', 0).isIdle, false)
  })
})
