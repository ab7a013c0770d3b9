import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FatalError, FencedError, LostError } from '../../../service/errors.ts'
import { endTxn, initProducerId, nobody, txnOffsetCommit } from '../../../service/kafka/transaction-requests.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { Bed } from './bed.ts'

describe('transaction requests', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())
  const limits = { withinMs: 5_000 }
  const optionsOf = (transactionalId: string, guard = () => {}) => ({
    cluster: bed.cluster,
    transactionalId,
    timeoutMs: 10_000,
    guard,
    progress: () => {},
  })
  const initialise = (transactionalId: string, expected = nobody) =>
    initProducerId(bed.cluster, { transactionalId, timeoutMs: 10_000, expected, limits })

  test('InitProducerId: nobody takes the id from whoever has it, an identity does not', async () => {
    const id = `${bed.id}-a`
    const first = await initialise(id)
    const renewed = await initialise(id, first)
    assert.equal(renewed.producerId, first.producerId)
    assert.ok(renewed.producerEpoch > first.producerEpoch)
    await initialise(id)
    await assert.rejects(initialise(id, renewed), FencedError)
  })

  test('InitProducerId: a lost answer is asked for again, and is the same', async () => {
    const id = `${bed.id}-b`
    const first = await initialise(id)
    let asked = 0
    bed.wire.fault = ({ api }) => (api === 'InitProducerId' && asked++ === 0 ? 'lose-answer' : 'pass')
    const renewed = await initialise(id, first)
    bed.wire.fault = () => 'pass'
    assert.equal(asked, 2)
    assert.deepEqual(renewed, { ...first, producerEpoch: first.producerEpoch + 1 })
  })

  test('P7: the failure of a broker is a fencing at the last epochs alone', async () => {
    bed.wire.fault = ({ api }) =>
      api === 'InitProducerId'
        ? { answer: { errorCode: errorCode.UNKNOWN_SERVER_ERROR, producerId: -1, producerEpoch: -1 } }
        : 'pass'
    // Behind by a lost answer, and by those of twins that came and went.
    for (const producerEpoch of [32_766, 32_765, 32_764, 32_700])
      await assert.rejects(initialise(`${bed.id}-c`, { producerId: 1, producerEpoch }), /are used up/)
    await assert.rejects(initialise(`${bed.id}-c`, { producerId: 1, producerEpoch: 7 }), { code: 'retake' })
    bed.wire.fault = () => 'pass'
  })

  test('P1: an anonymous membership never reaches the broker', async () => {
    const before = bed.wire.count('TxnOffsetCommit')
    const offsets = [{ topic: 't', partition: 0, offset: 1, metadata: '' }]
    for (const membership of [
      { generation: -1, memberId: 'm', instanceId: null },
      { generation: 3, memberId: '', instanceId: null },
    ])
      await assert.rejects(txnOffsetCommit(optionsOf(`${bed.id}-d`), nobody, { group: 'g', membership, offsets }), FatalError)
    assert.equal(bed.wire.count('TxnOffsetCommit'), before)
  })

  test('P1: the guard stands before a commit, not before an abort', async () => {
    const id = `${bed.id}-e`
    const dead = optionsOf(id, () => {
      throw new LostError('lost')
    })
    const identity = await initialise(id)
    const before = bed.wire.count('EndTxn')
    await assert.rejects(endTxn(dead, identity, 'commit'), LostError)
    assert.equal(bed.wire.count('EndTxn'), before)
    await endTxn(dead, identity, 'abort')
    assert.equal(bed.wire.count('EndTxn'), before + 1)
  })
})
