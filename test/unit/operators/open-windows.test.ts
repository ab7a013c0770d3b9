/** What a driver shows of the state of windows: those that are open, by key. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batches, hopping, json, session, sliding, stream, topology, tumbling, type Windows } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'

const events = stream('events', { value: json<number>(), lateness: 100 }).byKey()
const adding = { initial: () => 0, add: (sum: number, n: number) => sum + n, merge: (a: number, b: number) => a + b }

const kinds: Readonly<Record<string, { readonly windows: Windows<unknown>; readonly open: readonly string[] }>> = {
  tumbling: { windows: tumbling(10), open: ['a [0, 10) 1', 'a [10, 20) 5', 'b [0, 10) 4'] },
  hopping: {
    windows: hopping(10, 5),
    open: ['a [-5, 5) 1', 'a [0, 10) 1', 'a [5, 15) 2', 'a [10, 20) 5', 'a [15, 25) 3', 'b [0, 10) 4', 'b [5, 15) 4'],
  },
  sliding: { windows: sliding(1), open: ['a [0, 2) 1', 'a [11, 13) 2', 'a [16, 18) 3', 'b [5, 7) 4'] },
  session: { windows: session({ gap: 5 }), open: ['a [1, 6) 1', 'a [12, 22) 5', 'b [6, 11) 4'] },
}

const shown = (state: ReadonlyMap<string, readonly { start: number; end: number; value: unknown }[]>) =>
  [...state.keys()]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .flatMap((key) => (state.get(key) ?? []).map(({ start, end, value }) => `${key} [${start}, ${end}) ${JSON.stringify(value)}`))

describe('the state of windows as a driver shows it', () => {
  for (const [name, { windows, open }] of Object.entries(kinds)) {
    test(`${name}: the open ones of each key, and none of those that have closed`, async () => {
      const sums = events.window(windows).aggregate('sums', adding as never)
      const driver = await testDriver(topology('t', sums.emit('append').to('out', { value: json() })), { partitions: 2 })
      for (const [key, timestamp, value] of [
        ['a', 1, 1],
        ['b', 6, 4],
        ['a', 12, 2],
        ['a', 17, 3],
      ] as const)
        driver.send('events', { key, value, timestamp })
      await driver.drain()
      assert.deepEqual(shown(driver.state('sums')), open)
      await driver.finish()
      assert.deepEqual([...driver.state('sums')], [])
      await driver.stop()
    })
  }

  test('averages, and windows of batches', async () => {
    const averages = events.window(tumbling(10)).average('averages', (n) => n)
    const counts = events.window(batches(2)).count('counts')
    const sinks = [averages.emit('append').to('a', { value: json() }), counts.emit('append').to('c', { value: json() })] as const
    const driver = await testDriver(topology('t', sinks, { trigger: { every: 1000 } }), { now: 5000 })
    driver.send('events', { key: 'a', value: 1, timestamp: 1 }, { key: 'a', value: 2, timestamp: 2 })
    await driver.batch()
    assert.deepEqual(shown(driver.state('averages')), ['a [0, 10) 1.5'])
    assert.deepEqual(shown(driver.state('counts')), ['a [4000, 6000) 2', 'a [5000, 7000) 2'])
    await driver.stop()
  })
})
