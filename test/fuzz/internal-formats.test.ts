import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { changelogKey, parseChangelogRecord } from '../../service/commit/changelog-record.ts'
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../../service/commit/offset-metadata.ts'
import { decodeProgress, encodeProgress, type ProgressRecord } from '../../service/commit/progress-record.ts'
import { FatalError } from '../../service/errors.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../service/kafka/consumer-protocol.ts'
import { leaderDecision } from '../../service/kafka/group-leader.ts'
import { decodeControl, encodeControl } from '../../service/operators/control-record.ts'
import { decodeOrigin, encodeOrigin } from '../../service/operators/origin-header.ts'
import { isTaskId, type TaskId, taskId } from '../../service/task-id.ts'
import { damaged, damages, fuzz, noise, Outcomes } from '../support/fuzz.ts'

/** As fc.record, of objects like any other. */
const record = <T extends object, K extends keyof T = keyof T>(
  model: { [F in keyof T]: fc.Arbitrary<T[F]> },
  options: { readonly requiredKeys?: K[] } = {},
) => fc.record<T, K>(model, { noNullPrototype: true, ...options } as never)

/** The metadata of a member whose user data is any JSON. */
function subscriptionWith(data: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(data))
  const start = Buffer.from([0, 2, 0, 0, 0, 0, 0, 0, 0, 0])
  start.writeInt32BE(json.length, 6)
  return Buffer.concat([start, json])
}

const count = fc.maxSafeNat()
const name = fc.string({ maxLength: 12 })
const task = fc.tuple(fc.nat(20), fc.nat(500)).map(([subtopology, partition]) => taskId(subtopology, partition))

/** JSON that anybody may have written, with our names in it. */
const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.constantFrom(
      'fingerprint',
      'transactionalIds',
      'members',
      'memberId',
      'tasks',
      'generation',
      'liveIds',
      'refused',
      'format',
      'batch',
      'positions',
    ),
    fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(1, 'text', [], [{}], ['0_1'], [null])),
  ),
)
const deep = fc.nat(20_000).map((depth) => '['.repeat(depth) + ']'.repeat(depth))

describe('user data of group members', () => {
  const subscription = record({
    fingerprint: name,
    transactionalIds: fc.array(name, { maxLength: 2 }),
    tasks: fc.array(task, { maxLength: 4 }),
    generation: fc.integer({ min: -1, max: 1_000_000 }),
  })
  const owned = fc.array(record({ topic: name, partitions: fc.array(fc.nat(500), { maxLength: 4 }) }), { maxLength: 3 })
  const isOurs = (error: Error) => error instanceof FatalError && error.message.includes('application id')

  test('a subscription is what a caudal wrote, or its member is refused with the way out', (t) => {
    const outcomes = new Outcomes()
    fuzz(2_000, [fc.array(name), owned, subscription, damages], (topics, partitions, data, all) => {
      const bytes = encodeSubscription(topics, partitions, data)
      assert.deepEqual(decodeSubscription(bytes), data)
      outcomes.of(() => {
        const found = decodeSubscription(damaged(bytes, all))
        assert.ok(found.tasks.every(isTaskId) && typeof found.fingerprint === 'string')
      }, isOurs)
    })
    fuzz(500, [noise], (bytes) => void outcomes.of(() => decodeSubscription(bytes), isOurs))
    outcomes.tell(t)
  })

  test('a leader decides, or refuses, whatever its members announce', (t) => {
    const outcomes = new Outcomes()
    const allTasks: readonly TaskId[] = ['0_0', '0_1', '0_2', '1_0']
    const options = { fingerprint: 'f', allTasks: () => allTasks, taskPartitions: () => [] }
    const members = fc.array(fc.oneof(anyJson, subscription), { minLength: 1, maxLength: 4 })
    fuzz(1_000, [members, subscription], (announced, own) => {
      const joined = [own, ...announced].map((data, i) => ({
        memberId: `m${i}`,
        groupInstanceId: i % 2 === 0 ? `i${i}` : null,
        metadata: subscriptionWith(data),
      }))
      const decided = outcomes.of(() => leaderDecision(joined, options), isOurs)
      if (decided === null) return
      const given = [...decided.result.tasks.values()].flat()
      assert.equal(new Set(given).size, given.length, 'a task was given to two members')
    })
    outcomes.tell(t)
  })

  test('an assignment is what a caudal wrote, or an error', (t) => {
    const outcomes = new Outcomes()
    const readAssignment = (bytes: Buffer) => {
      const { tasks, liveIds, refused } = decodeAssignment(bytes) ?? { tasks: [], liveIds: [], refused: [] }
      assert.ok(tasks.every(isTaskId) && [...liveIds, ...refused].every((id) => typeof id === 'string'))
    }
    const assignment = record({
      fingerprint: name,
      liveIds: fc.array(name),
      members: fc.nat(),
      tasks: fc.array(task, { maxLength: 4 }),
      refused: fc.array(name),
    })
    fuzz(2_000, [owned, assignment, damages], (partitions, data, all) => {
      const bytes = encodeAssignment(partitions, data)
      assert.deepEqual(decodeAssignment(bytes), data)
      outcomes.of(() => readAssignment(damaged(bytes, all)), isOurs)
    })
    fuzz(500, [anyJson], (data) => void outcomes.of(() => readAssignment(encodeAssignment([], data as never)), isOurs))
    outcomes.tell(t)
  })
})

describe('what stands beside offsets and in changelogs', () => {
  const metadata = record({
    batch: count,
    partitionsAtStart: count,
    watermarks: fc.array(fc.option(fc.integer()), { maxLength: 3 }),
    stores: fc.dictionary(name, fc.tuple(name, count), { maxKeys: 3, noNullPrototype: true }),
  })

  test('offset metadata of any text is ours in every field, or nobody’s', () => {
    fuzz(2_000, [metadata, damages], (data, all) => {
      const text = encodeOffsetMetadata(data)
      assert.deepEqual(decodeOffsetMetadata(text), data)
      const found = decodeOffsetMetadata(damaged(Buffer.from(text), all).toString())
      if (found === null) return
      assert.ok(Number.isSafeInteger(found.batch) && Number.isSafeInteger(found.partitionsAtStart))
      for (const [topicId, offset] of Object.values(found.stores)) assert.ok(typeof topicId === 'string' && offset >= 0)
      for (const watermark of found.watermarks) assert.ok(watermark === null || typeof watermark === 'number')
    })
    fuzz(
      1_000,
      [
        fc.oneof(
          anyJson.map((value) => JSON.stringify([1, value, value, value, value])),
          deep,
          fc.string(),
        ),
      ],
      (text) => {
        assert.equal(decodeOffsetMetadata(text) === null || text.startsWith('[1,'), true)
      },
    )
  })

  const progress: fc.Arbitrary<ProgressRecord> = record(
    {
      format: fc.constant(1 as const),
      batch: count,
      fingerprint: name,
      changelogId: name,
      positions: fc.array(record({ topic: name, topicId: name, partition: fc.nat(), position: count }), { maxLength: 3 }),
      watermark: fc.option(fc.integer()),
      upstreamWatermarks: fc.dictionary(name, fc.oneof(fc.integer(), fc.constant('idle' as const)), { noNullPrototype: true }),
      keyKinds: fc.dictionary(name, fc.constantFrom('s' as const, 'n' as const, 'b' as const), { noNullPrototype: true }),
    },
    { requiredKeys: ['format', 'batch', 'fingerprint', 'changelogId', 'positions', 'watermark', 'upstreamWatermarks'] },
  )

  test('a progress record has all that a task goes on from, or is refused', (t) => {
    const outcomes = new Outcomes()
    // Whoever restores a store tells topic, partition and offset with it.
    const isOurs = (error: Error) => error instanceof TypeError && error.message.startsWith('a progress record of unknown format')
    fuzz(2_000, [progress, damages], (written, all) => {
      const bytes = encodeProgress(written)
      assert.deepEqual(decodeProgress(bytes), written)
      const found = outcomes.of(() => decodeProgress(damaged(bytes, all)), isOurs)
      for (const { topic, position } of found?.positions ?? []) assert.ok(typeof topic === 'string' && position >= 0)
    })
    fuzz(
      1_000,
      [
        fc.oneof(
          anyJson.map((value) => JSON.stringify(value)),
          deep,
          fc.string(),
        ),
      ],
      (text) => {
        outcomes.of(() => decodeProgress(Buffer.from(text)), isOurs)
      },
    )
    outcomes.tell(t)
  })

  test('a changelog key is a write, progress, or refused', (t) => {
    const outcomes = new Outcomes()
    const isOurs = (error: Error) => error instanceof TypeError && error.message.includes('key of unknown shape')
    const bytes = fc.uint8Array({ maxLength: 30 }).map((some) => Buffer.from(some))
    const bucket = fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }).map((some) => Buffer.from(some)))
    fuzz(2_000, [bucket, bytes, damages], (of, key, all) => {
      const whole = changelogKey(of, key)
      assert.deepEqual(parseChangelogRecord(whole, null), { bucket: of, key, value: null })
      outcomes.of(() => parseChangelogRecord(damaged(whole, all), null), isOurs)
    })
    fuzz(500, [fc.option(bytes)], (key) => void outcomes.of(() => parseChangelogRecord(key, null), isOurs))
    outcomes.tell(t)
  })
})

describe('headers of repartition topics', () => {
  const isOurs = (error: Error) => error instanceof FatalError && /of a repartition topic has a/.test(error.message)

  test('a control record tells a time that there is, of a task that there can be, or is refused', (t) => {
    const outcomes = new Outcomes()
    const controls = record({
      kind: fc.constantFrom('watermark' as const, 'idle' as const, 'end-of-run' as const),
      upstream: task,
      time: fc.maxSafeInteger(),
    })
    fuzz(3_000, [controls, damages], (control, all) => {
      const bytes = encodeControl(control)
      assert.deepEqual(decodeControl(bytes), control)
      const found = outcomes.of(() => decodeControl(damaged(bytes, all)), isOurs)
      if (found !== null) assert.ok(!Number.isNaN(found.time) && !found.upstream.includes('-'))
    })
    fuzz(500, [noise], (bytes) => void outcomes.of(() => decodeControl(bytes), isOurs))
    outcomes.tell(t)
  })

  test('an origin is a place in a topic, with times that stand in an order, or is refused', (t) => {
    const outcomes = new Outcomes()
    const origin = record(
      {
        keyKind: fc.constantFrom('s' as const, 'n' as const, 'b' as const),
        origin: record({ topic: fc.nat(65_535), partition: fc.nat(), offset: count }),
        lateStamp: fc.maxSafeInteger(),
        negativeTime: fc.maxSafeNat().map((time) => -1 - (time - 1)),
        slot: fc.maxSafeInteger(),
      },
      { requiredKeys: ['keyKind'] },
    )
    fuzz(3_000, [origin, damages], (header, all) => {
      const bytes = encodeOrigin(header)
      assert.deepEqual(decodeOrigin(bytes), header)
      const found = outcomes.of(() => decodeOrigin(damaged(bytes, all)), isOurs)
      for (const time of [found?.lateStamp, found?.negativeTime, found?.slot]) assert.ok(!Number.isNaN(time ?? 0))
      assert.ok(found?.origin === undefined || found.origin.offset >= 0)
    })
    fuzz(500, [noise], (bytes) => void outcomes.of(() => decodeOrigin(bytes), isOurs))
    outcomes.tell(t)
  })
})
