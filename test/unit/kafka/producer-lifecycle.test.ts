import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FatalError, FencedError, LostError, RetakeError } from '../../../service/errors.ts'
import { type ProducerCall, ProducerLifecycle, type ProducerState } from '../../../service/kafka/producer-lifecycle.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'

const done = () => Promise.resolve()

/** A life that was led through these calls. */
async function after(...calls: readonly ProducerCall[]): Promise<ProducerLifecycle> {
  const life = new ProducerLifecycle()
  for (const call of calls) await life.run(call, done)
  return life
}

/** Where a call leads that fails with `error`. */
async function failing(life: ProducerLifecycle, call: ProducerCall, error: Error): Promise<ProducerState> {
  await assert.rejects(
    life.run(call, () => Promise.reject(error)),
    error,
  )
  return life.state
}

const positioned = ['initialise', 'produce', 'commitOffsets'] as const

describe('ProducerLifecycle', () => {
  test('a transaction goes from ready to ready', async () => {
    assert.equal((await after()).state, 'new')
    assert.equal((await after('initialise')).state, 'ready')
    assert.equal((await after('initialise', 'produce', 'produce')).state, 'open')
    assert.equal((await after(...positioned)).state, 'positioned')
    assert.equal((await after(...positioned, 'commit')).state, 'ready')
    assert.equal((await after('initialise', 'produce', 'abort')).state, 'ready')
    assert.equal((await after('initialise', 'commitOffsets', 'commit')).state, 'ready')
  })

  test('P2, P5: nothing is committed without positions, nothing produced behind them', async () => {
    const open = await after('initialise', 'produce')
    await assert.rejects(open.run('commit', done), /commit is illegal while the transactional producer is open/)
    assert.equal(open.state, 'open')
    const life = await after(...positioned)
    await assert.rejects(life.run('produce', done), FatalError)
    await assert.rejects(life.run('commitOffsets', done), FatalError)
    await assert.rejects((await after()).run('produce', done), FatalError)
  })

  test('P3: an error costs the transaction; only a new epoch leads back to work', async () => {
    const life = await after('initialise', 'produce')
    assert.equal(await failing(life, 'produce', new RetakeError('refused')), 'failed')
    await assert.rejects(life.run('produce', done), FatalError)
    await life.run('abort', done)
    assert.equal(life.state, 'failed')
    await life.run('renew', done)
    assert.equal(life.state, 'ready')
  })

  test('P3: a commit whose outcome is not known is uncertain, until a new epoch was given', async () => {
    const lost = await after(...positioned)
    assert.equal(await failing(lost, 'commit', new RetakeError('no answer')), 'uncertain')
    await assert.rejects(lost.run('abort', done), FatalError)
    assert.equal(await failing(lost, 'renew', new RetakeError('no answer')), 'uncertain')
    await lost.run('renew', done)
    assert.equal(lost.state, 'ready')
  })

  test('a commit that was never sent, or refused, is none', async () => {
    assert.equal(await failing(await after(...positioned), 'commit', new LostError('the guard')), 'failed')
    const refused = new RetakeError('refused', { fields: { errorCode: errorCode.INVALID_TXN_STATE } })
    assert.equal(await failing(await after(...positioned), 'commit', refused), 'failed')
  })

  test('P4: a fenced producer does not renew: it starts anew', async () => {
    const life = await after('initialise', 'produce')
    assert.equal(await failing(life, 'produce', new FencedError('a twin')), 'fenced')
    await assert.rejects(life.run('renew', done), FatalError)
    assert.equal(await failing(life, 'initialise', new RetakeError('no answer')), 'fenced')
    await life.run('initialise', done)
    assert.equal(life.state, 'ready')
  })

  test('calls follow one another', async () => {
    const life = await after('initialise')
    const { promise, resolve } = Promise.withResolvers<void>()
    const first = life.run('produce', () => promise)
    await assert.rejects(life.run('produce', done), /while produce is under way/)
    resolve()
    await first
    assert.equal(life.state, 'open')
  })
})
