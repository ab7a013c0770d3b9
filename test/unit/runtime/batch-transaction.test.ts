/** Producing and committing, as the broker sees it, of whole processes: with whom, in which order, and what an error costs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { type FaultyWire, held, type Sent } from '../../support/faulty-wire.ts'
import { application, onBed, type ProcessBed, running } from '../../support/process-bed.ts'
import { assertOnce, byKey, numbers } from '../../support/numbers.ts'

const copied = (bed: ProcessBed): number => [...byKey(bed, 'copy').values()].flat().length

const isCommit = ({ body }: Sent<'EndTxn'>) => body.committed
/** The index of the first request of a kind after `from`, −1 for none. */
const next = (wire: FaultyWire, from: number, is: (sent: Sent) => boolean): number =>
  wire.sent.find((sent) => sent.index > from && is(sent))?.index ?? -1
const isA =
  <A extends Sent['api']>(api: A, when: (sent: Sent<A>) => boolean = () => true) =>
  (sent: Sent): boolean =>
    sent.api === api && when(sent as Sent<A>)

describe('P1: the membership of a commit', () => {
  test('is that of the cut; the broker refuses it after a rebalance, and the straight successor goes with the same transaction', () =>
    onBed({ topology: numbers, partitions: 2 }, async (bed) => {
      const a = bed.start({ instanceId: null })
      await bed.until('it runs', running(bed, 2))
      const first = a.supervisor.status().workers[0]?.generation ?? -1
      const produce = held('hold-answer')
      a.wire.plan({ api: 'Produce', fault: produce.fault })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('a batch is under way', () => a.wire.of('Produce').length === 1)
      bed.start({ instanceId: null })
      await bed.until('the next generation is there', () => a.supervisor.status().workers[0]?.generation === first + 1)
      produce.release()
      await bed.until('it is committed', () => copied(bed) === 1)
      const commits = a.wire.of('TxnOffsetCommit').map(({ body }) => body)
      assert.deepEqual(
        commits.slice(0, 2).map(({ generationId }) => generationId),
        [first, first + 1],
      )
      assert.equal(commits[0]?.producerEpoch, commits[1]?.producerEpoch)
      assert.equal(commits[0]?.memberId, commits[1]?.memberId)
      assert.notEqual(commits[0]?.memberId, '')
      assertOnce(bed)
    }))

  test('once lost, the batch in hand commits nothing, and nothing of it is seen', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: null })
      await bed.until('it runs', running(bed, 1))
      const produce = held('hold-answer')
      a.wire.plan({ api: 'Produce', fault: produce.fault })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('a batch is under way', () => a.wire.of('Produce').length === 1)
      a.wire.plan({
        api: 'Heartbeat',
        fault: { kind: 'answer', answer: { throttleTimeMs: 0, errorCode: errorCode.UNKNOWN_MEMBER_ID } },
      })
      await bed.until('the membership is lost', () => a.wire.isOver)
      const lostAt = a.wire.hit.at(-1)?.index ?? -1
      produce.release()
      await bed.until('it is back, and has taken the record again', () => copied(bed) === 1)
      const back = next(a.wire, lostAt, isA('OffsetFetch'))
      assert.ok(back > 0, 'it was taken again')
      const dead = a.wire.sent.filter(({ index }) => index >= lostAt && index < back)
      assert.deepEqual(
        dead.filter((sent) => isA('TxnOffsetCommit')(sent) || isA('EndTxn', isCommit)(sent)),
        [],
      )
      assertOnce(bed)
    }))
})

test('P2: the positions of every task of a batch go into its transaction, and before its end', () =>
  onBed({ topology: numbers, partitions: 3 }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 3))
    bed.send('in', { key: 'a', value: 1, partition: 0 }, { key: 'b', value: 1, partition: 2 })
    await bed.until('both are committed', () => bed.offset('in', 0) === 1 && bed.offset('in', 2) === 1)
    const ends = a.wire.of('EndTxn').filter(isCommit)
    for (const end of ends) {
      const commit = a.wire.of('TxnOffsetCommit').find(({ body }) => body.producerEpoch === end.body.producerEpoch)
      assert.ok(commit && commit.index < end.index)
    }
    const [commit] = a.wire.of('TxnOffsetCommit')
    const named = commit?.body.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex))
    assert.deepEqual(named, [0, 2])
    // Step by step: nothing is committed beside a Produce (P5), and each task's changelog has its progress record.
    const changelog = bed.prepared.plan.changelogOf('total')
    assert.deepEqual(
      [0, 1, 2].map((partition) => bed.committed(changelog, partition).length),
      [2, 0, 2],
    )
  }))

test('P2: an error of TxnOffsetCommit is the end of its transaction', async (t) => {
  for (const name of [
    'UNKNOWN_SERVER_ERROR',
    'REBALANCE_IN_PROGRESS',
    'INVALID_COMMIT_OFFSET_SIZE',
    'ILLEGAL_GENERATION',
  ] as const) {
    await t.test(name, () =>
      onBed({ topology: numbers }, async (bed) => {
        const a = bed.start({ instanceId: 'a' })
        await bed.until('it runs', running(bed, 1))
        a.wire.plan({ api: 'TxnOffsetCommit', fault: { kind: 'change', change: withError(errorCode[name]) } })
        bed.send('in', { key: 'a', value: 1 })
        await bed.until('it was refused', () => a.wire.isOver)
        const refused = a.wire.of('TxnOffsetCommit')[0]
        await bed.until('it is committed after all, or the process has ended', () => copied(bed) === 1 || a.outcome !== null)
        const committed = a.wire
          .of('EndTxn')
          .filter((sent) => isCommit(sent) && sent.body.producerEpoch === refused?.body.producerEpoch)
        assert.deepEqual(committed, [])
      }),
    )
  }
})

const withError =
  (code: number) =>
  (answer: { readonly topics: readonly { readonly name: string; readonly partitions: readonly object[] }[] }): unknown => ({
    ...answer,
    topics: answer.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => ({ ...partition, errorCode: code })),
    })),
  })

describe('P3: after any error between produce and commit all tasks are taken again, and nothing resumes from memory', () => {
  for (const api of ['Produce', 'TxnOffsetCommit', 'EndTxn'] as const) {
    for (const kind of ['lose-request', 'lose-answer'] as const) {
      test(`${api}: ${kind}`, () =>
        onBed({ topology: numbers, partitions: 2 }, async (bed) => {
          const a = bed.start({ instanceId: 'a', store: 'scripted' })
          await bed.until('it runs', running(bed, 2))
          bed.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2, partition: 1 })
          await bed.drained('in', 2)
          a.wire.plan({ api, fault: { kind } })
          bed.send('in', { key: 'a', value: 10 })
          await bed.until('the fault has happened', () => a.wire.isOver)
          const faultAt = a.wire.hit[0]?.index ?? -1
          bed.send('in', { key: 'a', value: 100 }, { key: 'b', value: 200, partition: 1 })
          await bed.drained('in', 2)
          await bed.until('it runs again', running(bed, 2))
          assertOnce(bed)
          const renewed = next(a.wire, faultAt, isA('InitProducerId'))
          const [renewal] = a.wire.of('InitProducerId').filter(({ index }) => index === renewed)
          assert.ok((renewal?.body.producerId ?? -1) >= 0, 'P4: under its own producer id')
          const produced = next(a.wire, faultAt, isA('Produce'))
          const taken = a.wire.of('OffsetFetch').filter(({ index }) => index > renewed)
          assert.ok((taken[0]?.index ?? Number.POSITIVE_INFINITY) < produced && taken.every(({ body }) => body.requireStable))
          assert.equal(new Set(taken.flatMap(partitionsOf)).size, 2, 'all tasks, those without a record in that batch too')
        }))
    }
  }
})

const partitionsOf = ({ body }: Sent<'OffsetFetch'>): readonly number[] =>
  body.topics?.flatMap(({ partitionIndexes }) => [...partitionIndexes]) ?? []

describe('P5: the requests of a batch', () => {
  test('follow one another: positions behind the outputs, the next batch behind the end of the last', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      const produce = held('hold-answer')
      const end = held('hold-answer')
      a.wire.plan({ api: 'Produce', fault: produce.fault })
      a.wire.plan({ api: 'EndTxn', fault: end.fault })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('a batch is under way', () => a.wire.of('Produce').length === 1)
      await bed.pass(1000)
      assert.equal(a.wire.of('TxnOffsetCommit').length, 0)
      produce.release()
      await bed.until('its end is under way', () => a.wire.of('EndTxn').length === 1)
      bed.send('in', { key: 'a', value: 2 })
      await bed.pass(1000)
      assert.equal(a.wire.of('Produce').length, 1)
      end.release()
      await bed.drained('in')
      assertOnce(bed)
    }))

  test('a duplicate is committed, and then all tasks are taken again', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      a.wire.plan({ api: 'Produce', fault: { kind: 'change', change: asDuplicate } })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('it is committed', () => bed.offset('in') === 1)
      const end = a.wire.of('EndTxn').find(isCommit)?.index ?? -1
      await bed.until('it is taken again', () => next(a.wire, end, isA('OffsetFetch')) > 0)
      bed.send('in', { key: 'a', value: 2 })
      await bed.drained('in')
      assert.ok(next(a.wire, end, isA('OffsetFetch')) < next(a.wire, end, isA('Produce')))
      assertOnce(bed)
    }))
})

const asDuplicate = (answer: { readonly responses: readonly { readonly partitionResponses: readonly object[] }[] }): unknown => ({
  ...answer,
  responses: answer.responses.map((response) => ({
    ...response,
    partitionResponses: response.partitionResponses.map((partition) => ({
      ...partition,
      errorCode: errorCode.DUPLICATE_SEQUENCE_NUMBER,
      baseOffset: -1,
    })),
  })),
})

describe('P7: a new producer id', () => {
  test('is taken up when the epochs of the old one are used up', () =>
    onBed({ topology: numbers, firstProducerEpoch: 32_760 }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      for (let value = 1; value <= 12; value++) {
        bed.send('in', { key: 'a', value })
        await bed.drained('in')
      }
      assert.equal(new Set(a.wire.of('EndTxn').map(({ body }) => body.producerId)).size, 2)
      assert.equal(a.wire.of('InitProducerId').length, 1, 'nothing had to be recovered')
      assertOnce(bed)
    }))

  for (const kind of ['lose-request', 'lose-answer'] as const) {
    test(`whichever EndTxn near the rotation is hit by ${kind}`, async () => {
      for (let hit = 0; hit < 9; hit++) {
        await onBed({ topology: numbers, firstProducerEpoch: 32_760 }, async (bed) => {
          const a = bed.start({ instanceId: 'a' })
          await bed.until('it runs', running(bed, 1))
          for (let value = 1; value <= 10; value++) {
            if (value === hit + 1) a.wire.plan({ api: 'EndTxn', fault: { kind } })
            bed.send('in', { key: 'a', value })
            await bed.drained('in')
          }
          assert.equal(a.outcome, null)
          assertOnce(bed)
        })
      }
    })
  }
})

describe('P14: the apply queue', () => {
  const topic = 'in'
  test('room in it is reserved before anything is produced', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a', store: 'scripted', settings: { applyQueueBytesMax: 1 } })
      await bed.until('it runs', running(bed, 1))
      bed.store.fault = (script) => (script === 'apply' ? 'before' : 'none')
      bed.send(topic, { key: 'a', value: 1 })
      await bed.drained(topic)
      bed.send(topic, { key: 'a', value: 2 })
      const before = a.wire.of('Produce').length
      await bed.pass(3000)
      assert.equal(a.wire.of('Produce').length, before)
      bed.store.fault = () => 'none'
      await bed.drained(topic)
      assertOnce(bed)
    }))

  test('what reaches the store is what was produced to the changelog', () =>
    onBed({ topology: numbers }, async (bed) => {
      bed.start({ instanceId: 'a', store: 'scripted' })
      await bed.until('it runs', running(bed, 1))
      for (let value = 1; value <= 5; value++) bed.send(topic, { key: `k${value % 2}`, value })
      await bed.drained(topic)
      const entries = () => bed.store.entries({ application, store: 'total', partition: 0 })
      await bed.until('it is applied', () => entries().size === 2)
      const columns = bed.kafka.records(bed.prepared.plan.changelogOf('total'), 0, 'committed')
      const fold = new Map<string, Buffer | null>()
      for (let i = 0; i < columns.count; i++)
        if (columns.key(i)?.[0] === 1) fold.set(columns.key(i)?.subarray(1).toString() ?? '', columns.value(i))
      assert.deepEqual(new Map([...entries()].map(([key, value]) => [key, Buffer.from(value)])), fold)
    }))
})
