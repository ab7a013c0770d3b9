/** The input itself changes: records are deleted before they were read, partitions are added. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { readCommitted } from '../support/console-consumer.ts'
import { noKafka } from '../support/servers.ts'
import { Stage, stopWell } from '../support/stage.ts'
import type { WorkerProcess } from '../support/worker-process.ts'

async function asAdmin(stage: Stage, act: (admin: Admin, topic: string) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ brokers: [...stage.brokers], clientId: 'test-retention', logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await act(admin, `${stage.application}-input`)
  } finally {
    await admin.disconnect()
  }
}

/** As retention does it, but now. */
const deleteBefore = (stage: Stage, offset: number) =>
  asAdmin(stage, async (admin, topic) => {
    // Stock kafkajs knows the leaders of a topic only after another question about it.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
  })

const addPartitions = (stage: Stage, count: number) =>
  asAdmin(stage, (admin, topic) => admin.createPartitions({ topicPartitions: [{ topic, count }] }))

const firstOf = ({ workers: [worker] }: Stage): WorkerProcess => {
  assert.ok(worker)
  return worker
}

/** Hundred records are processed, two hundred more come while nobody runs, and all in front of offset 250 are deleted. */
async function deletedUnread(stage: Stage): Promise<WorkerProcess> {
  const worker = firstOf(stage).start()
  await stage.input.send(100)
  await stage.processes(100)
  await stopWell(worker)
  await stage.input.send(200)
  await deleteBefore(stage, 250)
  return worker.start()
}

const unread = { redisUrl: null, instances: ['a'], partitions: 1, topology: 'deletable.ts' } as const

test('input that was deleted before it was read is a fault that names both offsets', { skip: noKafka }, async (test) => {
  const stage = await Stage.set({ test, name: 'deleted', ...unread })
  const worker = await deletedUnread(stage)
  assert.deepEqual(await worker.ended(), { code: 1, signal: null })
  assert.match(worker.errors, /deleted-\w+-input, partition 0: offset 100 is asked for, and the log has 250 to 300/)
  assert.match(worker.errors, /onDeleted: 'earliest'/)
  // It is one however often it is started.
  assert.deepEqual(await worker.start().ended(), { code: 1, signal: null })
  assert.equal(await stage.processed(), 100)
})

test('with onDeleted it is left out, told and counted', { skip: noKafka }, async (test) => {
  const environment = { TEST_ON_DELETED: 'earliest' }
  const stage = await Stage.set({ test, name: 'skipped', ...unread, environment })
  const { brokers, application } = stage
  const worker = await deletedUnread(stage)
  await stage.drained()
  assert.match(worker.errors, /records were deleted before they were read/)
  const counted = /^caudal_records_deleted_total\{[^}]*\} (\d+)$/m
  await stage.until(async () => counted.exec(await worker.metrics())?.[1] === '150', '150 are counted as deleted')
  await stopWell(worker)
  const copy = await readCommitted({ brokers, topic: `${application}-copy` })
  const sent = stage.input.sentTo(0)
  const wanted = [...sent.slice(0, 100), ...sent.slice(250)].map(({ key, value }) => `${key}=${value}`)
  assert.deepEqual(
    copy.map(({ key, value }) => `${key}=${value}`),
    wanted,
  )
})

test('partitions that are added to an input of state end the worker, with the way out', { skip: noKafka }, async (test) => {
  const stage = await Stage.set({ test, name: 'grown', redisUrl: null, instances: ['a'], partitions: 2 })
  const worker = firstOf(stage).start()
  await stage.input.send(200)
  await stage.drained()
  await addPartitions(stage, 3)
  assert.deepEqual(await worker.ended(), { code: 1, signal: null })
  assert.match(worker.errors, /Topic grown-\w+-input had 2 partitions, and has 3 now: keys would come on other partitions/)
  assert.deepEqual(await worker.start().ended(), { code: 2, signal: null })
  assert.match(
    worker.errors,
    /grown-\w+-sums-changelog has 2 partitions, the topology needs 3: partitions were added to its input/,
  )
  for (const wayOut of [/another application id/, /keyBy in front of the state/]) assert.match(worker.errors, wayOut)
  assert.equal(await stage.processed(), 200)
})
