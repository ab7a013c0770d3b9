/** P15 to P17 in the loop: it goes on while tasks come and go, waits for nobody's Redis, and is never taken for hung while it waits. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ScriptName } from '../../../service/state/scripted-store.ts'
import { held } from '../../support/faulty-wire.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { type BedProcess, onBed, type ProcessBed, running } from '../../support/process-bed.ts'

const away = (bed: ProcessBed, ...scripts: readonly ScriptName[]): void => {
  bed.store.fault = (script) => (scripts.includes(script) ? 'before' : 'none')
}
const back = (bed: ProcessBed): void => {
  bed.store.fault = () => 'none'
}
/** Its first step of taking a task (P8). */
const takes = ({ wire }: BedProcess) => wire.of('OffsetFetch').length > 0

describe('P15: while Redis is away', () => {
  test('the tasks that are being taken do not hold up the others', () =>
    onBed({ topology: numbers, partitions: 2 }, async (bed) => {
      bed.store.fault = (script, { partition }) => (script === 'acquire' && partition === 1 ? 'before' : 'none')
      bed.start({ instanceId: 'a', store: 'scripted' })
      await bed.until('one task runs', running(bed, 1))
      bed.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2, partition: 1 })
      await bed.until('its record is committed', () => bed.offset('in', 0) === 1, 1000)
      assert.equal(bed.offset('in', 1), undefined)
      back(bed)
      await bed.drained('in', 2)
      assertOnce(bed)
    }))

  const waits = {
    'a batch waits for entries': { scripts: ['load', 'apply'], settings: {}, cached: false },
    'a batch waits for room in the apply queue': { scripts: ['apply'], settings: { applyQueueBytesMax: 1 }, cached: true },
    'changes wait to be applied': { scripts: ['apply'], settings: {}, cached: true },
  } as const
  for (const [what, { scripts, settings, cached }] of Object.entries(waits)) {
    test(`and ${what}: a task is given up at once`, () =>
      onBed({ topology: numbers, partitions: 2 }, async (bed) => {
        const a = bed.start({ instanceId: null, store: 'scripted', settings })
        await bed.until('it runs', running(bed, 2))
        const both = (value: number) => [0, 1].map((partition) => ({ key: `${partition}`, value, partition }))
        if (cached) {
          bed.send('in', ...both(1))
          await bed.drained('in', 2)
        }
        away(bed, ...scripts)
        for (const value of [2, 3, 4]) {
          bed.send('in', ...both(value))
          await bed.pass(300)
        }
        const since = bed.clock.monotonic()
        const b = bed.start({ instanceId: null, store: 'scripted' })
        await bed.until('the other takes one', () => takes(b))
        const tookMs = bed.clock.monotonic() - since
        assert.ok(tookMs < 2000, `${tookMs} ms`)
        back(bed)
        await bed.drained('in', 2)
        assert.equal(a.outcome, null)
        assertOnce(bed)
      }))
  }
})

describe('P16: a rebalance', () => {
  test('kept tasks go on while JoinGroup is out', () =>
    onBed({ topology: numbers, partitions: 2 }, async (bed) => {
      const a = bed.start({ instanceId: null })
      await bed.until('it runs', running(bed, 2))
      const join = held('hold-answer')
      const joins = a.wire.of('JoinGroup').length
      a.wire.plan({ api: 'JoinGroup', fault: join.fault })
      bed.start({ instanceId: null })
      await bed.until('its JoinGroup is out', () => a.wire.of('JoinGroup').length > joins)
      bed.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2, partition: 1 })
      await bed.until('both are produced', () => a.wire.of('Produce').length > 0, 1000)
      join.release()
      await bed.until('all run again', running(bed, 2))
      await bed.drained('in', 2)
      assert.equal(a.wire.of('InitProducerId').length, 1, 'no batch was given up')
      assertOnce(bed)
    }))

  test('a task that is taken away goes on at another only when the batch under way has ended', () =>
    onBed({ topology: numbers, partitions: 2 }, async (bed) => {
      const a = bed.start({ instanceId: null })
      await bed.until('it runs', running(bed, 2))
      const produce = held('hold-answer')
      a.wire.plan({ api: 'Produce', fault: produce.fault })
      bed.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2, partition: 1 })
      await bed.until('a batch is under way', () => a.wire.of('Produce').length === 1)
      const b = bed.start({ instanceId: null })
      await bed.pass(3000)
      assert.equal(takes(b), false)
      produce.release()
      await bed.until('each has one', () => a.running.length === 1 && b.running.length === 1)
      await bed.drained('in', 2)
      assert.equal(a.wire.of('InitProducerId').length, 1, 'the batch was committed, under the next generation')
      assertOnce(bed)
    }))
})

describe('P17: a wait is no standstill', () => {
  const membership = { batchTimeoutMs: 4000 }
  const waits: Readonly<Record<string, { readonly begin: (bed: ProcessBed, a: BedProcess) => Promise<void> | void }>> = {
    'for entries': { begin: (bed) => away(bed, 'load', 'apply') },
    'for room in the apply queue': {
      begin: async (bed) => {
        away(bed, 'apply')
        bed.send('in', { key: 'k', value: 1 })
        await bed.drained('in')
      },
    },
    'for the producer to be settled': {
      begin: (_bed, a) => {
        a.wire.plan({ api: 'Produce', fault: { kind: 'lose-answer' } })
        a.wire.plan({ api: 'InitProducerId', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      },
    },
    'for a store to be acquired': {
      begin: (bed, a) => {
        a.wire.plan({ api: 'Produce', fault: { kind: 'lose-request' } })
        away(bed, 'acquire')
      },
    },
    'for the group’s coordinator': {
      begin: (_bed, a) => {
        a.wire.plan({ api: 'Produce', fault: { kind: 'lose-request' } })
        a.wire.plan({ api: 'OffsetFetch', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      },
    },
  }
  for (const [what, { begin }] of Object.entries(waits)) {
    test(`${what}: the worker stays a member`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const a = bed.start({ instanceId: 'a', store: 'scripted', membership, settings: { applyQueueBytesMax: 1 } })
        await bed.until('it runs', running(bed, 1))
        const { generation } = a.supervisor.status().workers[0] ?? {}
        await begin(bed, a)
        bed.send('in', { key: 'a', value: 1 })
        await bed.pass(12_000)
        assert.ok((bed.offset('in') ?? 0) < bed.kafka.endOffset('in', 0), 'it waits')
        const [shown] = a.supervisor.status().workers
        assert.equal(shown?.busy, true)
        assert.equal(shown.generation, generation)
        const stops = a.logged.filter(({ message }) => message.includes('heartbeats stop'))
        assert.deepEqual(stops, [])
        a.wire.clear()
        back(bed)
        await bed.drained('in')
        assertOnce(bed)
      }))
  }
})
