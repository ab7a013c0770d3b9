/**
 * A worker is killed at each step of a transaction and of what follows it, and has its requests and answers lost, held and repeated: nothing
 * is lost, doubled or torn, and it goes on.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../service/seeded-random.ts'
import { isLong } from '../support/chaos.ts'
import { type ChaosTopology, parts } from '../support/checker/answers.ts'
import { until } from '../support/processes.ts'
import type { Deed, PlannedFaults } from '../support/proxy/faults.ts'
import type { ProxyFault } from '../support/proxy/kafka-proxy.ts'
import { goOn, ProxiedStage } from '../support/proxy/proxied-stage.ts'
import type { RedisFault, RedisProxy } from '../support/proxy/redis-proxy.ts'
import { drawSchedule, scheduleOfRun } from '../support/proxy/schedule.ts'
import { seedOfRun } from '../support/random.ts'
import { deleteFromRedis, redisHashes } from '../support/redis-contents.ts'
import { noKafka, servers } from '../support/servers.ts'

interface Setting {
  readonly topology: ChaosTopology
  readonly kept: 'redis' | 'memory'
}

const settings: readonly Setting[] = isLong
  ? [
      { topology: 'copy', kept: 'memory' },
      { topology: 'running', kept: 'redis' },
      { topology: 'running', kept: 'memory' },
      { topology: 'windowed', kept: 'redis' },
      { topology: 'sessions', kept: 'redis' },
    ]
  : [
      { topology: 'copy', kept: 'memory' },
      { topology: 'running', kept: 'redis' },
    ]
const recordsPerSecond = 500
const rounds = isLong ? 5 : 1
const randomKills = isLong ? 20 : 5
const restoreKills = 5
const faultsAtRandom = isLong ? 60 : 8
const transactionTimeoutMs = 4_000

/** On a machine that has much else to do. */
const faultWithinMs = 60_000
const deedsAtRandom: readonly Deed[] = [
  { kind: 'cut' },
  { kind: 'forward-and-cut' },
  { kind: 'duplicate' },
  { kind: 'delay', ms: 500 },
  // Nobody hears of a message that is lost before a time-out.
  ...(isLong ? [{ kind: 'drop' } as const] : []),
]

const dies = { kind: 'signal', signal: 'SIGKILL', before: true } as const
const committing = { committed: true }

interface Point {
  readonly name: string
  readonly fault: ProxyFault
  /** What becomes of the transaction that was under way. */
  readonly outcome: 'committed' | 'aborted' | 'never begun'
}

interface Position {
  readonly partition: number
  readonly offset: number
}

/** Where a worker is killed, in the order of a transaction. */
const points: readonly Point[] = [
  {
    name: 'killed before the transaction',
    fault: { api: 'Produce', at: 'request', nth: 1, does: dies },
    outcome: 'never begun',
  },
  {
    name: 'killed between produce and offsets',
    fault: { api: 'TxnOffsetCommit', at: 'request', nth: 1, does: dies },
    outcome: 'aborted',
  },
  {
    name: 'killed after TxnOffsetCommit',
    fault: { api: 'TxnOffsetCommit', at: 'answer', nth: 1, does: dies },
    outcome: 'aborted',
  },
  {
    name: 'killed after EndTxn was sent, its answer lost',
    fault: { api: 'EndTxn', at: 'answer', nth: 1, where: committing, does: dies },
    outcome: 'committed',
  },
]

for (const { topology, kept } of settings) {
  test(`transactions: ${topology}, state in ${kept}`, { skip: noKafka }, async (test) => {
    const { redisUrl } = await servers()
    if (kept === 'redis' && redisUrl === null) return test.skip('there is no Redis')
    const chaos = new Chaos(test, await setStage(test, topology, kept === 'redis' ? redisUrl : null))
    await chaos.play()
  })
}

const setStage = (test: TestContext, topology: ChaosTopology, redis: string | null): Promise<ProxiedStage> =>
  ProxiedStage.set({
    test,
    name: `transactions-${topology}`,
    topology,
    redis,
    workers: ['a'],
    flags: { 'kafka-transaction-timeout-ms': transactionTimeoutMs },
  })

class Chaos {
  readonly #test: TestContext
  readonly #proxied: ProxiedStage

  constructor(test: TestContext, proxied: ProxiedStage) {
    this.#test = test
    this.#proxied = proxied
  }

  async play(): Promise<void> {
    const scenario = this.#proxied.scenario.bind(this.#proxied)
    const { stage } = this.#proxied
    const { redis } = this.#proxied.worker(0)
    stage.start()
    await stage.settled()
    stage.flow(recordsPerSecond)
    await goOn(stage)
    for (const point of points) await scenario(point.name, () => this.#killAt(point))
    if (redis !== null) await scenario('killed after the commit, before Redis', () => this.#killBeforeRedis())
    if (parts[stage.topology].stores.length > 0)
      await scenario('killed while restoring, again and again', () => this.#killRestores())
    await scenario(`killed ${randomKills} times at random moments`, () => this.#killAtRandom())
    await scenario('the answer to EndTxn is lost, the process lives', () => this.#loseAnswer())
    await scenario('EndTxn comes after the next transaction has begun', () => this.#holdEndTxn())
    await scenario(`${faultsAtRandom} faults at random`, () => this.#faultsAtRandom())
    await stage.finish()
  }

  /** All of the transaction that was under way counts, or none of it, before the worker lives again. */
  async #killAt({ fault, outcome }: Point): Promise<void> {
    const { stage } = this.#proxied
    const { process, kafka } = this.#proxied.worker(0)
    const where = fault.api === 'TxnOffsetCommit' ? { topic: stage.inputTopic } : fault.where
    for (let round = 0; round < rounds; round++) {
      await this.#dies(kafka.plan({ ...fault, ...(where === undefined ? {} : { where }) }))
      await this.#assertDecided(outcome)
      process.start()
      await goOn(stage)
    }
  }

  /** Waits until a fault has killed the worker. */
  async #dies(planned: PlannedFaults): Promise<void> {
    const { process } = this.#proxied.worker(0)
    await until(() => planned.isHit || process.isFallen, 'the fault happens', faultWithinMs)
    assert.deepEqual(await process.ended(), { code: null, signal: 'SIGKILL' }, process.tail())
  }

  /** By the positions that the last transaction was to commit. */
  async #assertDecided(outcome: Point['outcome']): Promise<void> {
    const wanted = this.#lastPositions()
    // The markers of a transaction may land after its end was answered; what is not committed never is.
    if (outcome !== 'aborted') return until(() => this.#isCommitted(wanted), 'what was to be committed is')
    assert.ok(wanted.length > 0, 'the transaction has positions of the input')
    assert.equal(await this.#isCommitted(wanted), false, 'nothing of it is committed')
  }

  /** Those of the input in the newest TxnOffsetCommit. */
  #lastPositions(): readonly Position[] {
    const { kafka } = this.#proxied.worker(0)
    const topic = kafka.newest('TxnOffsetCommit')?.topics.find(({ name }) => name === this.#proxied.stage.inputTopic)
    return (topic?.partitions ?? []).map(({ partitionIndex, committedOffset }) => ({
      partition: partitionIndex,
      offset: committedOffset,
    }))
  }

  async #isCommitted(positions: readonly Position[]): Promise<boolean> {
    const { stage } = this.#proxied
    const committed = await stage.admin.committed(stage.application, stage.inputTopic)
    return committed.length > 0 && positions.every(({ partition, offset }) => (committed[partition] ?? -1) >= offset)
  }

  async #killBeforeRedis(): Promise<void> {
    const { process, redis } = this.#proxied.worker(0)
    for (let round = 0; round < rounds; round++) {
      await this.#dies(redisOf(redis).plan(anyChunk))
      await this.#assertDecided('committed')
      process.start()
      await goOn(this.#proxied.stage)
    }
  }

  /** Each life ends while it reads the changelog; what Redis held is lost before each. */
  async #killRestores(): Promise<void> {
    const { stage } = this.#proxied
    const { process, kafka, redis } = this.#proxied.worker(0)
    const where = { topic: `${stage.application}-${parts[stage.topology].stores[0]}-changelog` }
    const reading: readonly ProxyFault[] = [
      { api: 'Fetch', at: 'answer', nth: 1, where, does: dies },
      { api: 'Fetch', at: 'answer', nth: 1, where, does: { ...dies, before: false } },
      { api: 'Fetch', at: 'request', nth: 1, where, does: dies },
    ]
    await process.kill()
    for (let death = 0; death < restoreKills; death++) {
      if (stage.redis !== null) await forget(stage.redis, stage.application)
      // Where there is a Redis, some lives end while it is being filled.
      const fills = redis !== null && death % 2 === 1
      const fault = reading[death % reading.length]
      assert.ok(fault)
      const planned = fills ? redis.plan(anyChunk) : kafka.plan(fault)
      process.start()
      await this.#dies(planned)
    }
    process.start()
    await goOn(stage)
  }

  async #killAtRandom(): Promise<void> {
    const { stage } = this.#proxied
    const { process } = this.#proxied.worker(0)
    const seed = seedOfRun()
    const random = seededRandom(seed)
    this.#test.diagnostic(`seed ${seed}`)
    for (let kill = 0; kill < randomKills; kill++) {
      await delay(2_000 * random())
      await process.kill()
      process.start()
      // Some kill meets a worker that has not come back from the one before.
      if (random() < 0.5) await stage.processes(1)
    }
    await goOn(stage)
  }

  /** The producer neither stays stuck nor writes twice: what was sent is committed. */
  async #loseAnswer(): Promise<void> {
    const { stage } = this.#proxied
    const { kafka } = this.#proxied.worker(0)
    for (const kind of ['drop', 'cut', 'forward-and-cut'] as const) {
      const planned = kafka.plan({ api: 'EndTxn', at: 'answer', nth: 3, where: committing, does: { kind } })
      await stage.until(() => planned.isHit, `an EndTxn meets: ${kind}`)
      await goOn(stage)
    }
  }

  /** An EndTxn that comes late meets the next transaction, open and with its positions, and must not decide it (KAFKA-17754). */
  async #holdEndTxn(): Promise<void> {
    const { stage } = this.#proxied
    const { kafka } = this.#proxied.worker(0)
    const hold = { api: 'EndTxn', at: 'request', nth: 1, where: committing, does: { kind: 'hold' } } as const
    const ending = kafka.plan(hold)
    await stage.until(() => ending.isHit, 'an EndTxn is held')
    const next = kafka.plan(hold)
    await stage.until(() => next.isHit, 'the next transaction is open')
    const positions = this.#lastPositions()
    const late = kafka.plan({ api: 'EndTxn', at: 'answer', nth: 1, does: { kind: 'delay', ms: 0 } })
    ending.release()
    await stage.until(() => late.isHit, 'the late EndTxn is answered')
    assert.ok(positions.length > 0)
    assert.equal(await this.#isCommitted(positions), false, 'the late EndTxn decides nothing')
    next.release()
    await goOn(stage)
  }

  /** Each round one that comes in the run of things, and one that may meet what the first has brought about. */
  async #faultsAtRandom(): Promise<void> {
    const { stage } = this.#proxied
    const { kafka } = this.#proxied.worker(0)
    const apis = (...names: readonly ProxyFault['api'][]) => names.map((api) => ({ api }))
    const schedule = scheduleOfRun<ProxyFault>(this.#test, (random) => {
      const common = { count: faultsAtRandom, deeds: deedsAtRandom }
      const usual = apis('Produce', 'TxnOffsetCommit', 'EndTxn', 'Fetch', 'Heartbeat')
      const rare = apis('InitProducerId', 'OffsetFetch', 'ListOffsets', 'FindCoordinator', 'Metadata')
      const first = drawSchedule<ProxyFault>(random, { ...common, messages: usual, nthMax: 5 })
      const second = drawSchedule<ProxyFault>(random, { ...common, messages: rare, nthMax: 1 })
      return first.flatMap((fault, round) => [fault, second[round] ?? fault])
    })
    for (let at = 0; at < schedule.length; at += 2) {
      const [first, second] = schedule.slice(at, at + 2).map((fault) => kafka.plan(fault))
      await stage.until(() => first?.isHit === true, `this happens: ${JSON.stringify(schedule[at])}`)
      await goOn(stage)
      second?.cancel()
    }
  }
}

test('killed in the middle of an apply', { skip: noKafka }, async (test) => {
  const { redisUrl: redis } = await servers()
  if (redis === null) return test.skip('there is no Redis')
  // More keys in a batch than a chunk holds, all of one store.
  const keys = 3_000
  const options = { name: 'applies', topology: 'running', redis, workers: ['a'], partitions: 1, keys, shifts: 1 } as const
  const proxied = await ProxiedStage.set({ test, ...options })
  const { stage } = proxied
  const { process, redis: proxy } = proxied.worker(0)
  await stage.input.send(keys)
  stage.start()
  await stage.processes(keys)
  for (let round = 1; round <= rounds; round++) {
    await proxied.scenario(`killed between two chunks of an apply, ${round}`, async () => {
      await process.kill()
      await stage.input.send(keys)
      const planned = redisOf(proxy).plan(secondChunk)
      process.start()
      await until(() => planned.isHit, 'it is killed', faultWithinMs)
      assert.deepEqual(await process.ended(), { code: null, signal: 'SIGKILL' }, process.tail())
      const meta = (await redisHashes(redis, stage.application)).get(`{${stage.application}:running:0}:m`)
      assert.match(meta?.get('marker') ?? '', /^\d+:[12]$/, 'Redis stands between two chunks')
      process.start()
      await goOn(stage)
    })
  }
  await stage.finish()
})

const anyChunk: RedisFault = { command: 'script', at: 'request', nth: 1, where: { script: 'apply-chunk' }, does: dies }
/** Markers have the number of a chunk behind the position; the last chunk of a segment leads to 0. */
const secondChunk: RedisFault = { ...anyChunk, where: { script: 'apply-chunk', word: '^\\d+:2$' } }

function redisOf(redis: RedisProxy | null): RedisProxy {
  assert.ok(redis, 'the state is kept in Redis')
  return redis
}

/** Redis loses all that an application holds there. */
async function forget(url: string, application: string): Promise<void> {
  for (const key of (await redisHashes(url, application)).keys()) await deleteFromRedis(url, key)
}
