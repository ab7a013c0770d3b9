/** The reasons of the health pages: how they are told, and each provoked on whole processes: what is waited for, by which task, since when, and its end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { schemaRegistry } from '../../../service/codec/schema-registry.ts'
import { json, stream, topology } from '../../../service/index.ts'
import { outsideTransactions, RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import type { Reason } from '../../../service/runtime/running.ts'
import type { Wait, WaitingFor } from '../../../service/runtime/seam.ts'
import { Waits } from '../../../service/runtime/waits.ts'
import { FakeRegistry } from '../../support/fake-registry.ts'
import { numbers } from '../../support/numbers.ts'
import { type BedProcess, onBed, type ProcessBed, running } from '../../support/process-bed.ts'

const reasonsOf = ({ supervisor }: BedProcess, kind: WaitingFor): readonly Reason[] =>
  supervisor.status().reasons.filter(({ waitingFor }) => waitingFor === kind)
const detailOf = (process: BedProcess, kind: WaitingFor) => reasonsOf(process, kind)[0]?.detail ?? ''

/** The process runs, waiting for nothing. */
async function started(bed: ProcessBed): Promise<BedProcess> {
  const process = bed.start({ instanceId: 'a', store: 'scripted' })
  await bed.until('it runs', running(bed, 1))
  await bed.until('it waits for nothing', () => process.supervisor.status().reasons.length === 0)
  return process
}

test('all that are not over are told at each change, and at nothing else', () => {
  const told: (readonly Wait[])[] = []
  const waits = new Waits(new ManualClock(1000), (all) => void told.push(all))
  const first = waits.for('store', '0_1')
  first.tell('Redis is away')
  const second = waits.for('kafka')
  second.tell('so is Kafka', 7)
  first.tell('Redis is away')
  first.tell('Redis is loading')
  first.end()
  first.end()
  second.end()
  assert.deepEqual(
    told.map((all) => all.map(({ detail }) => detail)),
    [['Redis is away'], ['Redis is away', 'so is Kafka'], ['Redis is loading', 'so is Kafka'], ['so is Kafka'], []],
  )
  assert.deepEqual(
    told[1]?.map(({ task, since }) => [task, since]),
    [
      ['0_1', 1000],
      [null, 7],
    ],
  )
})

test('what is told is bounded, in number and in length', () => {
  const waits = new Waits(new ManualClock(0))
  for (let n = 0; n < 1000; n++) waits.for('store').tell(`${n} `.repeat(1000))
  assert.equal(waits.told.length, 50)
  assert.ok(waits.told.every(({ detail }) => detail.length <= 400))
})

describe('the input is blocked', () => {
  test('by an open transaction: at which offset, by which producer, until it ends', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = await started(bed)
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      const { end } = await bed.openTransaction('loader-7', { writes: { topic: 'in', key: 'b', value: '2' } })
      const [open] = bed.kafka.openTransactions()
      const told = new RegExp(
        `in, partition 0, is blocked at the last stable offset 1 by producer ${open?.producerId} \\(transactional id loader-7, Ongoing\\)`,
      )
      await bed.until('it is told by whom', () => told.test(detailOf(process, 'transaction')), 10_000)
      const [reason] = reasonsOf(process, 'transaction')
      assert.deepEqual([reason?.worker, reason?.task], [0, '0_0'])
      await bed.pass(5000)
      assert.deepEqual(reasonsOf(process, 'transaction'), [reason], 'it is the same wait, since the same time')
      await end(true)
      await bed.drained('in')
      await bed.until('nothing is told', () => reasonsOf(process, 'transaction').length === 0, 5000)
    }))

  test('by one whose owner cannot be asked for: told all the same', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = await started(bed)
      process.wire.plan({ api: 'DescribeProducers', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      await bed.openTransaction('loader-7', { writes: { topic: 'in', key: 'b', value: '2' } })
      const told = /last stable offset 0 by an open transaction; whose it is cannot be asked/
      await bed.until('it is told', () => told.test(detailOf(process, 'transaction')), 20_000)
      assert.equal(process.outcome, null)
    }))

  test('by a broker that does not answer', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = await started(bed)
      process.wire.plan({ api: 'Fetch', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      const told = () => reasonsOf(process, 'kafka').map(({ detail }) => detail)
      await bed.until('the broker is told', () => told().some((detail) => /broker 1 cannot be reached/.test(detail)), 5000)
      await bed.until('the partition is told', () => told().some((detail) => /in, partition 0, brings nothing/.test(detail)))
      process.wire.clear()
      await bed.until('nothing is told', () => told().length === 0)
    }))
})

describe('a task that is being taken', () => {
  test('waits for the end of a transaction that holds the group’s offsets', () =>
    onBed({ topology: numbers }, async (bed) => {
      const { end } = await bed.openTransaction('stranger', { commits: { topic: 'in', offset: 0 } })
      const process = bed.start({ instanceId: 'a', store: 'scripted' })
      const told =
        /the offsets of group app wait for the end of the transaction of producer \d+ \(transactional id stranger, Ongoing\)/
      await bed.until('it is told', () => told.test(detailOf(process, 'transaction')))
      assert.equal(reasonsOf(process, 'task')[0]?.task, '0_0')
      await end(false)
      await bed.until('it runs', running(bed, 1))
      assert.deepEqual(process.supervisor.status().reasons, [])
    }))

  test('waits for a state backend that is away', () =>
    onBed({ topology: numbers }, async (bed) => {
      bed.store.fault = (script) => (script === 'acquire' ? 'before' : 'none')
      const process = bed.start({ instanceId: 'a', store: 'scripted' })
      await bed.until('it is told', () => /unreachable, store total waits/.test(detailOf(process, 'store')))
      const [reason] = reasonsOf(process, 'store')
      await bed.pass(5000)
      assert.deepEqual(reasonsOf(process, 'store'), [reason], 'it is the same wait, since the same time')
      assert.equal(reason?.task, '0_0')
      bed.store.fault = () => 'none'
      await bed.until('it runs', running(bed, 1))
      assert.deepEqual(process.supervisor.status().reasons, [])
    }))

  test('restores, and says how far it is', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = await started(bed)
      for (let value = 1; value <= 20; value++) {
        bed.send('in', { key: `${value}`, value })
        await bed.drained('in')
      }
      await bed.stop(first)
      bed.store.loseEverything()
      let applied = 0
      bed.store.fault = (script) => (script === 'apply' && applied++ >= 5 ? 'before' : 'none')
      const process = bed.start({ instanceId: 'a', store: 'scripted', settings: { fetchPartitionBytesMax: 300 } })
      await bed.until('the store is half restored', () => applied > 6)
      const [reason] = reasonsOf(process, 'restore')
      assert.equal(reason?.task, '0_0')
      assert.match(reason.detail, /^restoring [1-9]\d? %: \d+ of \d+ changelog records of store total$/)
      bed.store.fault = () => 'none'
      await bed.until('it runs', running(bed, 1))
      assert.deepEqual(process.supervisor.status().reasons, [])
    }))
})

describe('a worker that runs', () => {
  const waits = { 'its changes': ['apply'], 'its batch': ['load'] } as const
  for (const [what, scripts] of Object.entries(waits)) {
    test(`waits with ${what} for a state backend that is away`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const process = await started(bed)
        bed.store.fault = (script) => ((scripts as readonly string[]).includes(script) ? 'before' : 'none')
        bed.send('in', { key: 'a', value: 1 })
        await bed.until('it is told', () => /the state backend is unreachable/.test(detailOf(process, 'store')))
        bed.store.fault = () => 'none'
        await bed.drained('in')
        await bed.until('nothing is told', () => process.supervisor.status().reasons.length === 0)
      }))
  }

  test('waits with its batch for a schema registry that is away', async () => {
    const registry = await FakeRegistry.start()
    registry.register('counted-value', { schema: JSON.stringify({ type: 'record', name: 'N', fields: [] }) })
    const value = schemaRegistry({ url: registry.url }).avro<object>('counted-value')
    const counted = topology('counted', stream('in', { value }).byKey().count('counted').to('out', { value: json() }))
    await registry.close()
    await onBed({ topology: counted }, async (bed) => {
      const process = await started(bed)
      const batch = new RecordBatchBuilder()
      batch.append('a', Buffer.from([0, 0, 0, 0, 1]), bed.clock.now())
      bed.kafka.append('in', 0, batch.finish(outsideTransactions))
      await bed.until('it is told', () => /the schema registry is unreachable/.test(detailOf(process, 'registry')))
      await registry.open()
      await bed.drained('in')
      await bed.until('nothing is told', () => process.supervisor.status().reasons.length === 0)
    })
    await registry.close()
  })

  test('settles its producer for as long as Kafka does not let it', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = await started(bed)
      process.wire.plan({ api: 'Produce', fault: { kind: 'lose-answer' } })
      process.wire.plan({ api: 'InitProducerId', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('it is told', () => /settles its last transaction/.test(detailOf(process, 'producer')), 120_000)
      process.wire.clear()
      await bed.drained('in')
      await bed.until('nothing is told', () => process.supervisor.status().reasons.length === 0)
    }))

  test('has no answer to its heartbeats, then no membership, then both again', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = await started(bed)
      for (const api of ['Heartbeat', 'JoinGroup'] as const)
        process.wire.plan({ api, fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      await bed.until('heartbeats are told', () => reasonsOf(process, 'coordinator').length === 1)
      assert.match(detailOf(process, 'kafka'), /broker 1 cannot be reached/)
      await bed.until('the loss is told', () => /lost its membership: the coordinator/.test(detailOf(process, 'membership')))
      process.wire.clear()
      await bed.until('nothing is told', () => process.supervisor.status().reasons.length === 0)
    }))

  test('cannot find the coordinator of its group', () =>
    onBed({ topology: numbers }, async (bed) => {
      const process = bed.start({ instanceId: 'a', store: 'scripted' })
      const answer = {
        coordinators: [{ key: 'app', nodeId: -1, host: '', port: -1, errorCode: errorCode.COORDINATOR_NOT_AVAILABLE }],
      }
      process.wire.plan({
        api: 'FindCoordinator',
        fault: { kind: 'answer', answer },
        when: ({ body }) => body.coordinatorKeys[0] === 'app',
        times: Number.POSITIVE_INFINITY,
      })
      await bed.until('it is told', () =>
        /coordinator of app is unknown: COORDINATOR_NOT_AVAILABLE/.test(detailOf(process, 'kafka')),
      )
      assert.equal(reasonsOf(process, 'membership').length, 1)
      process.wire.clear()
      await bed.until('it runs', running(bed, 1))
    }))

  test('has no partitions, as there are more workers than partitions: no fault', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      const b = bed.start({ instanceId: 'b' })
      const spare = () => [a, b].filter((process) => reasonsOf(process, 'assignment').length === 1)
      await bed.until('one has the task, and one stands by', () => running(bed, 1)() && spare().length === 1)
      const [process] = spare()
      assert.ok(process)
      assert.match(detailOf(process, 'assignment'), /2 workers share 1 tasks; this is no fault/)
      assert.equal(process.supervisor.status().reasons.length, 1)
    }))
})
