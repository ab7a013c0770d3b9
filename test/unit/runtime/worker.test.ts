/** A worker: its stages load all that they need before they run, and it stops when it is asked to, whatever is away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, session, stream, topology, type Windowed } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { application, onBed, running } from '../../support/process-bed.ts'

const store = { application, store: 'total', partition: 0 }
const shutdownTimeoutMs = 5_000

test('a stop while the state backend is away ends well, and in time; the next process brings the store up to date', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a', store: 'scripted', shutdownTimeoutMs })
    await bed.until('it runs', running(bed, 1))
    bed.store.fault = (script) => (script === 'apply' ? 'before' : 'none')
    bed.send('in', { key: 'k', value: 1 }, { key: 'k', value: 2 })
    await bed.drained('in')
    const since = bed.clock.monotonic()
    await bed.stop(a)
    assert.deepEqual(a.outcome, { exitCode: 0 })
    assert.ok(bed.clock.monotonic() - since < shutdownTimeoutMs, `it took ${bed.clock.monotonic() - since} ms`)
    assert.deepEqual(
      a.logged.filter(({ message }) => message.startsWith('stopped before')).map(({ fields }) => fields['stores']),
      [['total 0']],
    )
    assert.equal(bed.store.entries(store).size, 0)
    bed.store.fault = () => 'none'
    bed.start({ instanceId: 'a', store: 'scripted' })
    await bed.until('the store is up to date', () => bed.store.entries(store).size === 1)
    assertOnce(bed)
  }))

test('with nothing in memory, keys that marks name are loaded before what is due of them closes', async () => {
  const sessions = stream('in', { value: json<number>() })
    .byKey()
    .window(session({ gap: 10 }))
    .count('sessions')
  const driver = await testDriver(topology('one', sessions.emit('append').to('out', { value: json() })))
  driver.send('in', { key: 'a', value: 1, timestamp: 0 }, { key: 'b', value: 1, timestamp: 5 })
  await driver.batch()
  await driver.crash()
  driver.send('in', { key: 'c', value: 1, timestamp: 100 })
  await driver.batch()
  const rows = driver.read<Windowed<number>>('out').map(({ key, value }) => [key, value.start, value.end, value.value])
  assert.deepEqual(rows, [
    ['a', 0, 10, 1],
    ['b', 5, 15, 1],
  ])
  await driver.stop()
})
