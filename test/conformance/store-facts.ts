/** What a store keeps about its changelog for its next owner (P13): the leader epoch of its last record, and when it had nothing behind it. */
import assert from 'node:assert/strict'
import { systemClock } from '../../service/clock.ts'
import { StoreFencedError, StoreLostError } from '../../service/errors.ts'
import type { StoreBackend, StoreId } from '../../service/state/store-backend.ts'
import { at, durably, emptyStore, loadText, newId, put, type StoreUnderTest, topic, zero } from './store-fixtures.ts'

const minute = 60_000
const ago = (minutes: number): number => systemClock.monotonic() - minutes * minute

/** The leader epoch, and the age in whole minutes: a test takes less than one. */
async function foundBy(backend: StoreBackend, id: StoreId): Promise<readonly (number | undefined)[]> {
  const { found } = await backend.acquire(id, topic)
  return [found?.leaderEpoch, found === null ? undefined : Math.floor(found.ageMs / minute)]
}

export function keepsFacts(underTest: () => StoreUnderTest): void {
  durably(underTest, 'the next owner finds the leader epoch and the age of the marker', async (backend) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(4), writes: [put('a', '1')], leaderEpoch: 7, currentAt: ago(30) })
    assert.deepEqual(await foundBy(backend, id), [7, 30])
    assert.deepEqual(await foundBy(backend, id), [7, 30])
  })

  durably(underTest, 'the age goes on where a chunk was not the last one, and where it was applied before', async (backend) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    const last = { from: zero, to: at(4), writes: [], leaderEpoch: 1, currentAt: ago(30) }
    await handle.apply(last)
    await handle.apply({ ...last, leaderEpoch: 2, currentAt: ago(10) })
    await handle.apply({ from: at(4), to: at(4, 1), writes: [put('a', '1')] })
    assert.deepEqual(await foundBy(backend, id), [1, 30])
  })

  durably(underTest, 'a rebuild begins a new age, under the leader epoch that is named to it or none', async (backend) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(4), writes: [], leaderEpoch: 7, currentAt: ago(30) })
    await handle.rebuild(1, 8)
    assert.deepEqual(await foundBy(backend, id), [8, 0])
    await (await backend.acquire(id, topic)).rebuild(1)
    assert.deepEqual(await foundBy(backend, id), [-1, 0])
  })

  durably(underTest, 'a marker is confirmed where it stands, by the present owner', async (backend) => {
    const id = newId()
    const old = await emptyStore(backend, id)
    await old.apply({ from: zero, to: at(4), writes: [put('a', '1')], leaderEpoch: 7, currentAt: ago(30) })
    await assert.rejects(old.confirm(zero, ago(10)), StoreLostError)
    const handle = await backend.acquire(id, topic)
    await assert.rejects(old.confirm(at(4), ago(10)), StoreFencedError)
    assert.equal(Math.floor((handle.found?.ageMs ?? 0) / minute), 30)
    await handle.confirm(at(4), ago(20))
    assert.deepEqual(await loadText(handle, at(4), ['a']), ['1'])
    assert.deepEqual(await foundBy(backend, id), [7, 20])
  })

  for (const field of ['leaderEpoch', 'at']) {
    durably(underTest, `without ${field} nothing is trusted`, async (backend, faults) => {
      const id = newId()
      await emptyStore(backend, id)
      await faults.loseField(id, field)
      const next = await backend.acquire(id, topic)
      assert.equal(next.marker, null)
      assert.match(next.untrusted ?? '', /when it was current/)
    })
  }
}
