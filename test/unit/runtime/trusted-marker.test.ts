/** P13 when a store is taken: a changelog that was truncated below the marker, or may have lost deletions behind it, is read anew. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreFencedError } from '../../../service/errors.ts'
import { bootstrapNode } from '../../../service/kafka/wire/wire.ts'
import type { ScriptName } from '../../../service/state/scripted-store.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { application, onBed, type ProcessBed, running } from '../../support/process-bed.ts'
import { append, changelog, type RestoreOptions, type Restored, restored } from './restoring-bed.ts'

const store = { application, store: 'total', partition: 0 }
const dayMs = 86_400_000

const take = (bed: ProcessBed, options?: RestoreOptions): Promise<Restored> =>
  restored(bed, bed.store.backend(bed.clock), options)

const holds = (bed: ProcessBed): Readonly<Record<string, number>> =>
  Object.fromEntries([...bed.store.entries(store)].map(([key, value]) => [key, value.readDoubleBE()]))

/** The store has 'a' and 'b', at the end of its changelog. */
async function history(bed: ProcessBed): Promise<Restored> {
  append(bed, null, 'a', 1)
  append(bed, null, 'b', 2)
  const taken = await take(bed)
  assert.deepEqual(holds(bed), { a: 1, b: 2 })
  return taken
}

const topicId = async (bed: ProcessBed): Promise<string> => (await bed.cluster.topics([changelog])).get(changelog)?.id ?? ''

const passDays = (bed: ProcessBed, days: number): void => bed.clock.setWall(bed.clock.now() + days * dayMs)

describe('a changelog that was truncated', () => {
  test('and has grown beyond the marker again: the store is built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      bed.kafka.truncate(changelog, 0, 1)
      append(bed, null, 'c', 3)
      append(bed, null, 'd', 4)
      const { rebuilt } = await take(bed)
      assert.match(rebuilt ?? '', /truncated/)
      assert.deepEqual(holds(bed), { a: 1, c: 3, d: 4 })
      assert.equal((await take(bed)).rebuilt, null)
    }))

  test('behind the marker, or not at all though leaders came and went, leaves the store as it is', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      append(bed, null, 'a', 9)
      bed.kafka.truncate(changelog, 0, 2)
      bed.kafka.moveLeader(changelog, 0, 1)
      append(bed, null, 'c', 3)
      assert.equal((await take(bed)).rebuilt, null)
      assert.deepEqual(holds(bed), { a: 1, b: 2, c: 3 })
      // What was read meanwhile counts under the leader that it was read from.
      bed.kafka.truncate(changelog, 0, 2)
      append(bed, null, 'd', 4)
      assert.match((await take(bed)).rebuilt ?? '', /truncated/)
      assert.deepEqual(holds(bed), { a: 1, b: 2, d: 4 })
    }))

  test('is not told from one that was not, where the store has a part of a segment: built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      const { handle, result } = await history(bed)
      const from = { position: result.position, chunk: 0 }
      const write = { bucket: null, key: Buffer.from('lost'), value: Buffer.alloc(8) }
      await handle.apply({ from, to: { ...from, chunk: 1 }, writes: [write], leaderEpoch: 0 })
      append(bed, null, 'lost', 0)
      append(bed, null, 'lost', 0)
      bed.kafka.truncate(changelog, 0, result.position)
      append(bed, null, 'c', 3)
      assert.match((await take(bed)).rebuilt ?? '', /truncated/)
      assert.deepEqual(holds(bed), { a: 1, b: 2, c: 3 })
    }))

  test('below a store that has nothing yet is told like any other', () =>
    onBed({ topology: numbers }, async (bed) => {
      await take(bed)
      append(bed, null, 'a', 1)
      assert.equal((await take(bed)).rebuilt, null)
      assert.deepEqual(holds(bed), { a: 1 })
    }))

  test('cannot be told where the leader epoch is unknown: built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      const { handle, result } = await history(bed)
      await handle.rebuild(result.position)
      assert.match((await take(bed)).rebuilt ?? '', /truncated/)
      assert.deepEqual(holds(bed), { a: 1, b: 2 })
    }))
})

describe('a worker tells the store', () => {
  const process = { instanceId: null, store: 'scripted' } as const
  /** Calls of a script, counted from now on. */
  const count = (bed: ProcessBed, name: ScriptName): (() => number) => {
    let calls = 0
    bed.store.fault = (script) => {
      if (script === name) calls += 1
      return 'none'
    }
    return () => calls
  }

  test('in which leader epoch it has written: the next one does not take an election in between for a truncation', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = bed.start(process)
      await bed.until('it runs', running(bed, 1))
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      bed.kafka.moveLeader(changelog, 0, 1)
      // Nothing tells a producer that another epoch has begun at the same broker, until it looks.
      await bed.pass(301_000)
      bed.send('in', { key: 'a', value: 2 })
      await bed.drained('in')
      await bed.stop(first)
      bed.kafka.moveLeader(changelog, 0, 1)
      const rebuilt = count(bed, 'rebuild')
      bed.start(process)
      bed.send('in', { key: 'a', value: 3 })
      await bed.drained('in')
      assertOnce(bed)
      await bed.until('the store follows', () => holds(bed)['a'] === 6)
      assert.equal(rebuilt(), 0)
    }))

  test('that it is still current, when it has taken it at its end', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = bed.start(process)
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      await bed.stop(first)
      // The next one finds the marker of the transaction behind the last record.
      const moving = bed.start(process)
      await bed.until('it runs', running(bed, 1))
      await bed.stop(moving)
      passDays(bed, 30)
      const confirmed = count(bed, 'confirm')
      const second = bed.start(process)
      await bed.until('it has', () => confirmed() === 1)
      await bed.stop(second)
      const { found } = await bed.store.backend(bed.clock).acquire(store, await topicId(bed))
      assert.ok(found && found.ageMs < 60_000, `${found?.ageMs}`)
    }))

  test('once an hour that nothing has happened', () =>
    onBed({ topology: numbers }, async (bed) => {
      const seldom = { sessionTimeoutMs: 600_000, heartbeatIntervalMs: 60_000 }
      bed.start({ ...process, settings: { fetchWaitMs: 10_000 }, membership: seldom })
      await bed.until('it runs', running(bed, 1))
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      const confirmed = count(bed, 'confirm')
      const passMinutes = async (minutes: number) => {
        for (let minute = 0; minute < minutes; minute += 5) await bed.pass(300_000)
      }
      await passMinutes(10)
      bed.send('in', { key: 'a', value: 2 })
      await bed.drained('in')
      await passMinutes(55)
      assert.equal(confirmed(), 0)
      await passMinutes(10)
      assert.equal(confirmed(), 1)
    }))
})

describe('a changelog that may lack deletions', () => {
  /** 'b' is deleted, and so much later the deletion too. */
  async function deletionForgotten(bed: ProcessBed): Promise<void> {
    await history(bed)
    append(bed, null, 'b', null)
    append(bed, null, 'c', 3)
    bed.kafka.compact(changelog, { dropTombstones: true })
  }

  test('behind a marker that is older than half of delete.retention.ms: the store is built anew', () =>
    onBed({ topology: numbers }, async (bed) => {
      await deletionForgotten(bed)
      passDays(bed, 3.6)
      assert.match((await take(bed)).rebuilt ?? '', /deletions/)
      assert.deepEqual(holds(bed), { a: 1, c: 3 })
      // What was built is as old as the reading of it.
      append(bed, null, 'd', 4)
      passDays(bed, 3.4)
      assert.equal((await take(bed)).rebuilt, null)
    }))

  test('goes by what the topic is set to', () =>
    onBed({ topology: numbers }, async (bed) => {
      await deletionForgotten(bed)
      const retention = { name: 'delete.retention.ms', configOperation: 0, value: String(dayMs) }
      const resources = [{ resourceType: 2, resourceName: changelog, configs: [retention] }]
      await bed.outside.request(bootstrapNode, 'outside', 'IncrementalAlterConfigs', { resources, validateOnly: false })
      passDays(bed, 0.6)
      assert.match((await take(bed)).rebuilt ?? '', /deletions/)
      assert.deepEqual(holds(bed), { a: 1, c: 3 })
    }))

  test('goes by the clock of the store, which may have been set back', () =>
    onBed({ topology: numbers }, async (bed) => {
      await deletionForgotten(bed)
      passDays(bed, -3.6)
      assert.match((await take(bed)).rebuilt ?? '', /deletions/)
      assert.deepEqual(holds(bed), { a: 1, c: 3 })
    }))

  test('is read on from a younger marker, and from any behind which nothing was committed', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      append(bed, null, 'b', null)
      passDays(bed, 3.4)
      assert.equal((await take(bed)).rebuilt, null)
      assert.deepEqual(holds(bed), { a: 1 })
      append(bed, null, 'c', 3)
      passDays(bed, 3.4)
      assert.equal((await take(bed)).rebuilt, null)
      const lastOffset = bed.kafka.endOffset(changelog, 0) - 1
      const undecided = await bed.openTransaction('stranger', { writes: { topic: changelog, key: 'x', value: 'y' } })
      await undecided.end(false)
      passDays(bed, 30)
      assert.equal((await take(bed, { lastOffset })).rebuilt, null)
    }))

  test('a restore that was broken off is as old as the marker that it began at', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      append(bed, null, 'c', 3)
      append(bed, null, 'b', null)
      append(bed, null, 'd', 4)
      const id = await topicId(bed)
      passDays(bed, 3)
      let applied = 0
      bed.store.fault = (script) => {
        if (script === 'apply' && ++applied === 2) void bed.store.acquire(store, { nonce: 'other', topicId: id })
        return 'none'
      }
      await assert.rejects(take(bed, { partitionBytesMax: 1 }), StoreFencedError)
      bed.store.fault = () => 'none'
      assert.deepEqual(holds(bed), { a: 1, b: 2, c: 3 })
      bed.kafka.compact(changelog, { dropTombstones: true })
      passDays(bed, 1)
      assert.match((await take(bed)).rebuilt ?? '', /deletions/)
      assert.deepEqual(holds(bed), { a: 1, c: 3, d: 4 })
    }))
})
