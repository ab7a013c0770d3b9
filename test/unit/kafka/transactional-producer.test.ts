import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FatalError, FencedError, LostError, RetakeError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { Bed, batch, isReal } from './bed.ts'
import { committed, member } from './group-of-one.ts'

describe('TransactionalProducer', () => {
  let bed: Bed
  let topic: string
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
    topic = await bed.topic('out', 2)
  })
  after(() => bed.close())
  const offset = (value: number) => [{ topic, partition: 0, offset: value, metadata: 'm' }]

  test('commits outputs and positions together, under a new epoch each time', async () => {
    const producer = bed.producer(`${bed.id}-a`)
    const group = `${bed.id}-a`
    const who = await member(bed, group)
    await producer.initialise()
    const epochs = new Set<string>()
    let expected = 0
    for (let round = 1; round <= 3; round++) {
      epochs.add(JSON.stringify(producer.identity))
      const [one, two] = await producer.produce([batch(topic, 0, ['x', 'y']), batch(topic, 0, ['z'])])
      if (round > 1) assert.equal(one?.baseOffset, expected)
      assert.equal(two?.baseOffset, (one?.baseOffset ?? -9) + 2)
      expected = (two?.baseOffset ?? 0) + 2 // The commit marker takes an offset too.
      await producer.commitOffsets(group, who, offset(round))
      assert.equal(producer.state, 'positioned')
      await producer.commit()
      assert.equal(await committed(bed, group, topic), round)
    }
    assert.equal(epochs.size, 3)
  })

  test('a commit without positions, or a produce behind them, is illegal', async () => {
    const producer = bed.producer(`${bed.id}-b`)
    const group = `${bed.id}-b`
    const who = await member(bed, group)
    await assert.rejects(producer.produce([]), FatalError)
    await producer.initialise()
    await producer.produce([batch(topic, 1, ['x'])])
    await assert.rejects(producer.commit(), /commit is illegal while the transactional producer is open/)
    await assert.rejects(producer.commitOffsets(group, who, []), FatalError)
    assert.equal(producer.state, 'failed')
    await assert.rejects(producer.produce([batch(topic, 1, ['x'])]), /illegal while the transactional producer is failed/)
    await producer.renew()
    await producer.commitOffsets(group, who, offset(1))
    await assert.rejects(producer.produce([batch(topic, 1, ['x'])]), FatalError)
    await producer.abort()
    assert.equal(producer.state, 'ready')
    await producer.abort() // Nothing is open: no request, no error.
  })

  test('P1: an old generation aborts, but for the same member one generation on', async () => {
    const producer = bed.producer(`${bed.id}-d`)
    const group = `${bed.id}-d`
    const who = await member(bed, group)
    const next = await who.next()
    assert.equal(next.generation, who.generation + 1)
    await producer.initialise()
    await assert.rejects(producer.commitOffsets(group, who, offset(1)), RetakeError)
    await producer.renew()
    await assert.rejects(
      producer.commitOffsets(group, who, offset(1), () => Promise.resolve(null)),
      RetakeError,
    )
    await producer.renew()
    for (const stranger of [
      { ...next, generation: next.generation + 1 },
      { ...next, memberId: 'another' },
    ]) {
      const sent = bed.wire.count('TxnOffsetCommit')
      await assert.rejects(
        producer.commitOffsets(group, who, offset(1), () => Promise.resolve(stranger)),
        RetakeError,
      )
      assert.equal(bed.wire.count('TxnOffsetCommit'), sent + 1, 'not asked again under another name')
      await producer.renew()
    }
    await producer.produce([batch(topic, 1, ['kept'])])
    await producer.commitOffsets(group, who, offset(7), () => Promise.resolve(next))
    await producer.commit()
    assert.equal(await committed(bed, group, topic), 7)
    await assert.rejects(producer.commitOffsets(group, { ...next, memberId: 'nobody' }, offset(1)), LostError)
  })

  test('P1: the guard stops a dead batch before each request, and lets it be aborted', async () => {
    let isDead = false
    const guard = () => {
      if (isDead) throw new LostError('lost')
    }
    const producer = bed.producer(`${bed.id}-e`, { guard })
    const group = `${bed.id}-e`
    const who = await member(bed, group)
    await producer.initialise()
    await producer.produce([batch(topic, 1, ['x'])])
    await producer.commitOffsets(group, who, offset(5))
    isDead = true
    const before = bed.wire.count('EndTxn')
    await assert.rejects(producer.commit(), LostError)
    assert.equal(bed.wire.count('EndTxn'), before)
    await producer.abort()
    assert.equal(await committed(bed, group, topic), -1)
    await producer.renew()
    await assert.rejects(producer.produce([batch(topic, 1, ['x'])]), LostError)
    await producer.renew()
    await assert.rejects(producer.commitOffsets(group, who, offset(5)), LostError)
  })

  test('P3, P4: a lost answer to the commit is uncertain; renewing keeps what was committed', async () => {
    const producer = bed.producer(`${bed.id}-f`)
    const group = `${bed.id}-f`
    const who = await member(bed, group)
    await producer.initialise()
    for (const [fault, expected] of [
      ['lose-answer', 1],
      ['lose-request', 1],
    ] as const) {
      await producer.produce([batch(topic, 1, ['x'])])
      await producer.commitOffsets(group, who, offset(expected === 1 && fault === 'lose-answer' ? 1 : 2))
      bed.wire.fault = ({ api }) => (api === 'EndTxn' ? fault : 'pass')
      await assert.rejects(producer.commit(), RetakeError)
      bed.wire.fault = () => 'pass'
      assert.equal(producer.state, 'uncertain')
      await assert.rejects(producer.abort(), FatalError)
      await producer.renew()
      assert.equal(await committed(bed, group, topic), expected)
    }
    await producer.commitOffsets(group, who, offset(3))
    await producer.commit()
    assert.equal(await committed(bed, group, topic), 3)
  })

  test('P4: a twin that takes the id fences this one, which does not take it back by renewing', async () => {
    const [one, two] = [bed.producer(`${bed.id}-h`), bed.producer(`${bed.id}-h`)]
    await one.initialise()
    await one.produce([batch(topic, 1, ['one'])])
    await two.initialise()
    await assert.rejects(one.produce([batch(topic, 1, ['one'])]), FencedError)
    assert.equal(one.state, 'fenced')
    await assert.rejects(one.renew(), FatalError)
    await two.produce([batch(topic, 1, ['two'])])
    await two.abort()
    await one.initialise()
    await assert.rejects(two.renew(), FencedError)
  })

  test('P5: a busy broker gets the same bytes again, for a bounded time', async () => {
    const bytes: Buffer[] = []
    const producer = bed.producer(`${bed.id}-i`, { timeoutMs: 1_000 })
    await producer.initialise()
    const busy = (code: number) => ({
      answer: { responses: [{ name: topic, partitionResponses: [{ index: 1, errorCode: code, baseOffset: -1 }] }] },
    })
    let left = 3
    bed.wire.fault = ({ api, body }) => {
      if (api !== 'Produce') return 'pass'
      const { topicData } = body as { topicData: { partitionData: { records: Buffer }[] }[] }
      bytes.push(Buffer.from(topicData[0]?.partitionData[0]?.records ?? ''))
      return left-- > 0 ? busy(left % 2 === 0 ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.NOT_ENOUGH_REPLICAS) : 'pass'
    }
    const [answer] = await producer.produce([batch(topic, 1, ['again'])])
    assert.ok((answer?.baseOffset ?? -1) >= 0)
    assert.equal(bytes.length, 4)
    for (const each of bytes) assert.deepEqual(each, bytes[0])
    left = Number.POSITIVE_INFINITY
    const startedAt = bed.clock.monotonic()
    await assert.rejects(producer.produce([batch(topic, 1, ['never'])]), RetakeError)
    assert.ok(bed.clock.monotonic() - startedAt <= 650)
    bed.wire.fault = () => 'pass'
    await producer.abort()
    assert.equal(producer.state, 'failed')
    await producer.renew()
  })

  test('P5: a duplicate has no base offset', async () => {
    const producer = bed.producer(`${bed.id}-j`)
    await producer.initialise()
    const answer = {
      responses: [
        { name: topic, partitionResponses: [{ index: 1, errorCode: errorCode.DUPLICATE_SEQUENCE_NUMBER, baseOffset: -1 }] },
      ],
    }
    bed.wire.fault = ({ api }) => (api === 'Produce' ? { answer } : 'pass')
    const [produced] = await producer.produce([batch(topic, 1, ['x'])])
    bed.wire.fault = () => 'pass'
    assert.equal(produced?.baseOffset, -1)
  })

  test('a moved leader or a lost Produce costs the batch; a record that is too large ends the process', async () => {
    const producer = bed.producer(`${bed.id}-k`)
    await producer.initialise()
    const refused = (code: number) => ({
      answer: { responses: [{ name: topic, partitionResponses: [{ index: 1, errorCode: code, baseOffset: -1 }] }] },
    })
    for (const [fault, verdict] of [
      [refused(errorCode.NOT_LEADER_OR_FOLLOWER), RetakeError],
      ['lose-answer', RetakeError],
      [refused(errorCode.MESSAGE_TOO_LARGE), FatalError],
    ] as const) {
      bed.wire.fault = ({ api }) => (api === 'Produce' ? fault : 'pass')
      await assert.rejects(
        producer.produce([batch(topic, 1, ['x'])]),
        (error) => error instanceof verdict && error.message.includes(topic),
      )
      bed.wire.fault = () => 'pass'
      await producer.abort().catch(() => {})
      await producer.renew()
    }
  })

  test('a coordinator that loads or moves is asked again; each attempt is progress', async () => {
    let progress = 0
    const producer = bed.producer(`${bed.id}-l`, { progress: () => progress++ })
    const group = `${bed.id}-l`
    const who = await member(bed, group)
    let left = 2
    const partitions = (code: number) => ({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, errorCode: code }] }] })
    bed.wire.fault = ({ api }) => {
      if (api !== 'InitProducerId' && api !== 'TxnOffsetCommit' && api !== 'EndTxn') return 'pass'
      const code = left === 2 ? errorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode.NOT_COORDINATOR
      if (left-- > 0) return { answer: api === 'TxnOffsetCommit' ? partitions(code) : { errorCode: code } }
      left = 2
      return 'pass'
    }
    await producer.initialise()
    await producer.commitOffsets(group, who, offset(4))
    await producer.commit()
    bed.wire.fault = () => 'pass'
    assert.equal(progress, 9)
    assert.equal(await committed(bed, group, topic), 4)
  })

  test('P7: the epoch runs out and the producer id changes, a lost answer there included', { skip: isReal }, async () => {
    const own = new Bed({ firstProducerEpoch: 32_760 })
    const out = await own.topic('out')
    const producer = own.producer()
    const who = await member(own, own.id)
    await producer.initialise()
    const ids = new Set<number>()
    let wornOut = 0
    for (let round = 1; round <= 16; round++) {
      ids.add(producer.identity.producerId)
      await producer.produce([batch(out, 0, [`${round}`])])
      await producer.commitOffsets(own.id, who, [{ topic: out, partition: 0, offset: round, metadata: '' }])
      own.wire.fault = ({ api }) => (api === 'EndTxn' ? 'lose-answer' : 'pass')
      await assert.rejects(producer.commit(), RetakeError)
      own.wire.fault = () => 'pass'
      try {
        await producer.renew()
      } catch (error) {
        // One epoch late at the last one: only a nameless start helps, after P4's heartbeat.
        assert.ok(error instanceof FencedError && producer.state === 'fenced')
        wornOut++
        await producer.initialise()
      }
      assert.equal(await committed(own, own.id, out), round)
    }
    assert.ok(ids.size >= 2, 'the producer id changed')
    assert.ok(wornOut <= 1)
    assert.equal(own.memory?.records(out, 0, 'committed').count, 16)
    await own.close()
  })
})
