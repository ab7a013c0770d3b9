/** The transactional producer on brokers whose transactions are of protocol 1: what it does beforehand, and what it never goes on after. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FatalError, FencedError, LostError, RetakeError } from '../../../service/errors.ts'
import { readBatchHeader } from '../../../service/kafka/records/batch-header.ts'
import { nextSequence } from '../../../service/kafka/records/record-batch-builder.ts'
import type { TransactionalProducer } from '../../../service/kafka/transactional-producer.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import type { Api, RequestOf } from '../../../service/kafka/wire/messages.ts'
import type { MemoryKafkaOptions } from '../../../service/memory/memory-kafka.ts'
import type { Membership } from '../../../service/runtime/seam.ts'
import { Bed, batch, type Fault, isReal } from './bed.ts'
import { committed, member } from './group-of-one.ts'

const ofTransactions: readonly Api[] = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'Produce',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
]

interface SceneOptions {
  readonly kafka?: Partial<MemoryKafkaOptions>
  readonly producer?: Parameters<Bed['producer']>[1]
}

/** An initialised producer with a topic, and a group that it is a member of. */
class Scene {
  readonly bed: Bed
  readonly producer: TransactionalProducer
  readonly topic: string
  readonly #member: Membership
  #position = 0

  private constructor(parts: { bed: Bed; producer: TransactionalProducer; topic: string; member: Membership }) {
    this.bed = parts.bed
    this.producer = parts.producer
    this.topic = parts.topic
    this.#member = parts.member
  }

  static async set({ kafka, producer: ofProducer }: SceneOptions = {}): Promise<Scene> {
    const bed = new Bed({ transactionProtocol: 1, ...kafka })
    const topic = await bed.topic('out', 2)
    const who = await member(bed, bed.id)
    const producer = bed.producer(bed.id, ofProducer)
    await producer.initialise()
    bed.wire.sent.length = 0
    return new Scene({ bed, producer, topic, member: who })
  }

  /** The requests of transactions so far, in order. */
  get sent(): readonly Api[] {
    return this.bed.wire.sent.map(({ api }) => api).filter((api) => ofTransactions.includes(api))
  }

  bodies<A extends Api>(api: A): readonly RequestOf<A>[] {
    return this.bed.wire.sent.filter((sent) => sent.api === api).map(({ body }) => body as RequestOf<A>)
  }

  produce(value: string, partition = 0) {
    return this.producer.produce([batch(this.topic, partition, [value])])
  }

  commitOffsets(): Promise<void> {
    this.#position += 1
    const offsets = [{ topic: this.topic, partition: 0, offset: this.#position, metadata: '' }]
    return this.producer.commitOffsets(this.bed.id, this.#member, offsets)
  }

  async transaction(value: string): Promise<void> {
    await this.produce(value)
    await this.commitOffsets()
    await this.producer.commit()
  }

  /** The next request of that kind comes to this, all others to nothing. */
  fails(api: Api, fault: Fault): void {
    let left = 1
    this.bed.wire.fault = (sent) => (sent.api === api && left-- > 0 ? fault : 'pass')
  }

  /** What a worker does after an error: its own epoch, and where that was given up, as nobody. */
  async recover(): Promise<void> {
    try {
      await this.producer.renew()
    } catch (error) {
      if (!(error instanceof FencedError)) throw error
      await this.producer.initialise()
    }
  }

  committed(): Promise<number> {
    return committed(this.bed, this.bed.id, this.topic)
  }

  /** The values that a reader of committed records sees, or of all. */
  values(isolation: 'committed' | 'uncommitted' = 'committed', partition = 0): readonly string[] {
    const columns = this.bed.memory?.records(this.topic, partition, isolation)
    return Array.from({ length: columns?.count ?? 0 }, (_, i) => columns?.value(i)?.toString() ?? 'null')
  }
}

describe('transactions of protocol 1', { skip: isReal }, () => {
  test('a transaction says where it is going to write, once a partition, and ends in the same epoch', async () => {
    const scene = await Scene.set()
    const { bed, producer, topic } = scene
    const before = producer.identity
    await producer.produce([batch(topic, 0, ['a']), batch(topic, 1, ['b']), batch(topic, 0, ['c'])])
    await scene.produce('d', 1)
    await scene.commitOffsets()
    await producer.commit()
    const expected = 'AddPartitionsToTxn Produce Produce Produce AddOffsetsToTxn TxnOffsetCommit EndTxn'
    assert.equal(scene.sent.join(' '), expected)
    assert.deepEqual(scene.bodies('AddPartitionsToTxn')[0]?.v3AndBelowTopics, [{ name: topic, partitions: [0, 1] }])
    assert.deepEqual(producer.identity, before)
    await scene.transaction('e')
    assert.deepEqual(scene.bodies('AddPartitionsToTxn')[1]?.v3AndBelowTopics, [{ name: topic, partitions: [0] }])
    assert.deepEqual(scene.values(), ['a', 'c', 'e'])
    assert.deepEqual(scene.values('committed', 1), ['b', 'd'])
    assert.equal(await scene.committed(), 2)
    // Higher versions would speak protocol 2 to a broker that knows them.
    const versions = new Map(bed.wire.sent.map(({ api, versionMax }) => [api, versionMax]))
    assert.deepEqual([versions.get('Produce'), versions.get('TxnOffsetCommit'), versions.get('EndTxn')], [11, 4, 4])
    await bed.close()
  })

  test('positions alone are a transaction too', async () => {
    const scene = await Scene.set()
    await scene.commitOffsets()
    await scene.producer.commit()
    assert.deepEqual(scene.sent, ['AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'])
    assert.equal(await scene.committed(), 1)
    await scene.bed.close()
  })

  test('sequences go on over commits and aborts, and begin anew with an epoch alone', async () => {
    const scene = await Scene.set()
    const sequences = () =>
      scene.bodies('Produce').map(({ topicData }) => {
        const header = readBatchHeader(topicData[0]?.partitionData[0]?.records ?? Buffer.alloc(0), 0)
        return [header.producerEpoch, header.baseSequence]
      })
    await scene.transaction('a')
    await scene.produce('b')
    await scene.producer.abort()
    await scene.transaction('c')
    const { producerEpoch } = scene.producer.identity
    assert.deepEqual(
      sequences(),
      [0, 1, 2].map((sequence) => [producerEpoch, sequence]),
    )
    await scene.producer.renew()
    await scene.transaction('d')
    assert.deepEqual(sequences().at(-1), [producerEpoch + 1, 0])
    assert.deepEqual(scene.values(), ['a', 'c', 'd'])
    await scene.bed.close()
  })

  test('after 2^31 − 1 sequences go on at 0', () => {
    assert.equal(nextSequence(5, 3), 8)
    assert.equal(nextSequence(0x7fffffff, 1), 0)
    assert.equal(nextSequence(0x7ffffffe, 5), 3)
  })

  test('P5: what waits for the last transaction to be completed is sent again within the bound', async () => {
    const scene = await Scene.set({ kafka: { markerDelayMs: 60 }, producer: { timeoutMs: 2_000 } })
    for (let round = 1; round <= 4; round++) {
      await scene.transaction(`${round}`)
      await scene.commitOffsets()
      await scene.producer.commit()
    }
    assert.equal(await scene.committed(), 8)
    assert.ok(scene.bodies('AddPartitionsToTxn').length > 4, 'a broker was busy')
    assert.ok(scene.bodies('AddOffsetsToTxn').length > 8, 'a broker was busy')
    scene.bed.wire.fault = ({ api }) =>
      api === 'AddOffsetsToTxn' ? { answer: { errorCode: errorCode.CONCURRENT_TRANSACTIONS } } : 'pass'
    const startedAt = scene.bed.clock.monotonic()
    await assert.rejects(scene.commitOffsets(), RetakeError)
    assert.ok(scene.bed.clock.monotonic() - startedAt <= 1_300)
    await scene.bed.close()
  })

  for (const [api, fault, reached] of [
    ['AddPartitionsToTxn', 'lose-request', 'nothing'],
    ['AddPartitionsToTxn', 'lose-answer', 'nothing'],
    ['Produce', 'lose-answer', 'produced'],
    ['AddOffsetsToTxn', 'lose-answer', 'produced'],
    ['TxnOffsetCommit', 'lose-answer', 'produced'],
    ['EndTxn', 'lose-request', 'produced'],
    ['EndTxn', 'lose-answer', 'committed'],
  ] as const) {
    test(`${api}, ${fault}: nothing goes on in that epoch, and nothing is sent but InitProducerId`, async () => {
      const scene = await Scene.set()
      await scene.transaction('before')
      const { producerEpoch } = scene.producer.identity
      scene.bed.wire.sent.length = 0
      scene.fails(api, fault)
      await assert.rejects(scene.transaction('x'), RetakeError)
      assert.equal(scene.sent.at(-1), api)
      assert.equal(scene.sent.filter((sent) => sent === api).length, 1, 'it was not repeated')
      await assert.rejects(scene.produce('y'), FatalError)
      await scene.recover()
      assert.ok(scene.producer.identity.producerEpoch > producerEpoch)
      assert.equal(await scene.committed(), reached === 'committed' ? 2 : 1)
      await scene.transaction('after')
      assert.deepEqual(scene.values(), reached === 'committed' ? ['before', 'x', 'after'] : ['before', 'after'])
      assert.equal(scene.values('uncommitted').includes('x'), reached !== 'nothing')
      await scene.bed.close()
    })
  }

  /** A transaction whose Produce is still on its way; `arrives` sends it. Brokers before 3.7 don't ask whether it is in a transaction. */
  async function withLateProduce(): Promise<Scene & { arrives: () => Promise<number | undefined> }> {
    const scene = await Scene.set({ kafka: { verifiesPartitions: false } })
    await scene.transaction('before')
    let late: RequestOf<'Produce'> | undefined
    let node = -1
    scene.bed.wire.fault = ({ api, body, node: to }) => {
      if (api !== 'Produce' || late !== undefined) return 'pass'
      ;[late, node] = [structuredClone(body) as RequestOf<'Produce'>, to]
      return 'lose-request'
    }
    await assert.rejects(scene.produce('late'), RetakeError)
    const arrives = async () => {
      assert.ok(late)
      // A clone of a buffer is a plain array of bytes.
      const topicData = late.topicData.map(({ name, partitionData }) => ({
        name,
        partitionData: partitionData.map(({ index, records }) => ({ index, records: Buffer.from(records ?? []) })),
      }))
      const answer = await scene.bed.client().request(node, 'late', 'Produce', { ...late, topicData })
      return answer.responses[0]?.partitionResponses[0]?.errorCode
    }
    return Object.assign(scene, { arrives })
  }

  test('a Produce that arrives after its transaction was given up is in no transaction, neither an old one nor the next', async () => {
    const scene = await withLateProduce()
    await scene.recover()
    assert.equal(await scene.arrives(), errorCode.INVALID_PRODUCER_EPOCH)
    await scene.produce('after')
    assert.equal(await scene.arrives(), errorCode.INVALID_PRODUCER_EPOCH)
    await scene.commitOffsets()
    await scene.producer.commit()
    assert.deepEqual(scene.values(), ['before', 'after'])
    assert.equal(scene.bed.memory?.lastStableOffset(scene.topic, 0), scene.bed.memory?.endOffset(scene.topic, 0))
    await scene.bed.close()
  })

  test('an abort on the way out is one under a new epoch too', async () => {
    const scene = await withLateProduce()
    await scene.producer.abort()
    assert.equal(scene.producer.state, 'failed')
    assert.deepEqual(
      scene.bodies('EndTxn').map(({ committed: kept }) => kept),
      [true],
      'that of the transaction before',
    )
    assert.equal(await scene.arrives(), errorCode.INVALID_PRODUCER_EPOCH)
    assert.deepEqual(scene.bed.memory?.openTransactions(), [])
    await scene.recover()
    await scene.transaction('after')
    assert.deepEqual(scene.values(), ['before', 'after'])
    await scene.bed.close()
  })

  test('P1: the guard stands before each request that takes part in a transaction', async () => {
    let isDead = false
    const guard = () => {
      if (isDead) throw new LostError('lost')
    }
    const scene = await Scene.set({ producer: { guard } })
    isDead = true
    await assert.rejects(scene.produce('x'), LostError)
    await scene.recover()
    await assert.rejects(scene.commitOffsets(), LostError)
    assert.deepEqual(scene.sent, ['InitProducerId'])
    await scene.bed.close()
  })

  test('P7: errors alone use epochs up; at the last one the producer id changes', async () => {
    const scene = await Scene.set({ kafka: { firstProducerEpoch: 32_760 } })
    const ids = new Set<number>()
    for (let round = 1; round <= 12; round++) {
      ids.add(scene.producer.identity.producerId)
      scene.fails(round % 2 === 0 ? 'EndTxn' : 'Produce', 'lose-answer')
      await assert.rejects(scene.transaction(`${round}`), RetakeError)
      await scene.recover()
      await scene.transaction(`${round} again`)
    }
    assert.ok(ids.size >= 2, 'the producer id changed')
    const expected = Array.from({ length: 12 }, (_, i) => i + 1).flatMap((round) =>
      round % 2 === 0 ? [`${round}`, `${round} again`] : [`${round} again`],
    )
    assert.deepEqual(scene.values(), expected)
    await scene.bed.close()
  })
})
