/** P9: whose open transaction is ended, and whose is not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { groupOffsetsPartition } from '../../../service/kafka/hanging-transactions.ts'
import { silentLog } from '../../../service/log.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { freeFromDeadWriters, Patience, patienceMs } from '../../../service/runtime/dead-writers.ts'
import { FaultyWire } from '../../support/faulty-wire.ts'
import { numbers } from '../../support/numbers.ts'
import { application, onBed, type ProcessBed } from '../../support/process-bed.ts'

const own = 'app.me.0'
const ownSecond = 'app.me.0.b'
const changelog = 'app-total-changelog'

const live = ['app.live.0', 'app.live.0.b', own, ownSecond]

const free = async (
  bed: ProcessBed,
  where: 'offsets' | 'changelog',
  {
    stuckForMs = patienceMs,
    liveIds = () => live,
    cluster = bed.cluster,
  }: { stuckForMs?: number; liveIds?: () => readonly string[]; cluster?: Cluster } = {},
) => {
  const patience = new Patience(bed.clock)
  bed.clock.advanceMonotonic(stuckForMs)
  const place = where === 'offsets' ? await groupOffsetsPartition(bed.cluster, application) : { topic: changelog, partition: 0 }
  const freeing = freeFromDeadWriters(
    {
      plan: { application },
      transactionalIds: [own, ownSecond],
      cluster,
      clock: bed.clock,
      log: silentLog,
      progress: () => {},
      liveIds,
      signal: new AbortController().signal,
    },
    { ...place, patience, ownChangelog: where === 'changelog' },
  )
  return bed.during(freeing)
}
const open = (bed: ProcessBed, id: string) =>
  bed.openTransaction(id, { writes: { topic: changelog, key: 'k', value: 'v' }, commits: { topic: 'in', offset: 1 } })
const left = (bed: ProcessBed) => bed.kafka.openTransactions().map(({ transactionalId }) => transactionalId)

test('it is looked for after a while, then less and less often, up to once a second, and soon again after something came', () => {
  const clock = new ManualClock(0)
  const patience = new Patience(clock)
  const looks: number[] = []
  const pass = (ms: number) => {
    for (let i = 0; i < ms; i += 10) {
      clock.advanceMonotonic(10)
      if (patience.runsOut()) looks.push(clock.monotonic())
    }
  }
  pass(3_800)
  patience.renew()
  pass(200)
  assert.deepEqual(looks, [100, 200, 400, 800, 1600, 2600, 3600, 3900, 4000])
})

describe('the open transaction', () => {
  const cases = {
    'of a dead writer of this application': { id: 'app.dead.0', offsets: 'fenced', changelog: 'fenced' },
    'of a dead writer that took turns': { id: 'app.dead.0.b', offsets: 'fenced', changelog: 'fenced' },
    'of a live one under its second id': { id: 'app.live.0.b', offsets: 'left', changelog: 'fenced' },
    'of this very worker under its second id': { id: ownSecond, offsets: 'left', changelog: 'left' },
    'of a live one': { id: 'app.live.0', offsets: 'left', changelog: 'fenced' },
    'of somebody of another application': { id: 'stranger', offsets: 'left', changelog: 'fenced' },
    'of an application whose name begins alike': { id: 'app-two.x.0', offsets: 'left', changelog: 'fenced' },
    'of this very worker': { id: own, offsets: 'left', changelog: 'left' },
  } as const
  for (const [whose, { id, ...outcomes }] of Object.entries(cases)) {
    for (const where of ['offsets', 'changelog'] as const) {
      test(`${whose}, on ${where}: ${outcomes[where]}`, () =>
        onBed({ topology: numbers }, async (bed) => {
          await open(bed, id)
          assert.equal(await free(bed, where), outcomes[where] === 'fenced')
          assert.deepEqual(left(bed), outcomes[where] === 'fenced' ? [] : [id])
        }))
    }
  }

  for (const committed of [true, false]) {
    test(`that is prepared (${committed ? 'commit' : 'abort'}) is waited for`, () =>
      onBed({ topology: numbers, markerDelayMs: 'manual' }, async (bed) => {
        const { end } = await open(bed, 'app.dead.0')
        await end(committed)
        for (const where of ['offsets', 'changelog'] as const) assert.equal(await free(bed, where), false)
        assert.deepEqual(left(bed), ['app.dead.0'])
      }))
  }

  test('of a writer that is announced anew while its coordinator is looked for is left', () =>
    onBed({ topology: numbers }, async (bed) => {
      await open(bed, 'app.back.0')
      let asked = 0
      const liveIds = () => (asked++ === 0 ? live : [...live, 'app.back.0'])
      assert.equal(await free(bed, 'offsets', { liveIds }), false)
      assert.deepEqual(left(bed), ['app.back.0'])
    }))

  test('is not looked into before markers have had their time', () =>
    onBed({ topology: numbers }, async (bed) => {
      await open(bed, 'app.dead.0')
      assert.equal(await free(bed, 'offsets', { stuckForMs: patienceMs - 1 }), false)
      assert.deepEqual(left(bed), ['app.dead.0'])
    }))

  for (const where of ['offsets', 'changelog'] as const) {
    test(`is left alone where the answer was long on its way, as its writer may be in its next one, on ${where}`, () =>
      onBed({ topology: numbers }, async (bed) => {
        await open(bed, 'app.dead.0')
        const wire = new FaultyWire(bed.kafka.wire('slow'))
        wire.onSent = ({ api }) => {
          if (api === 'ListTransactions') bed.clock.advanceMonotonic(3_000)
        }
        assert.equal(await free(bed, where, { cluster: new Cluster(wire, bed.clock) }), false)
        assert.deepEqual(left(bed), ['app.dead.0'])
      }))
  }
})
