/**
 * Two workers, of which one stops, is blocked or dies at the worst moment, so that the other becomes the owner of its tasks or does not: what
 * the former owner had in hand is never seen, and it comes back as a healthy member.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isLong } from '../support/chaos.ts'
import { type ChaosTopology, parts } from '../support/checker/answers.ts'
import { until } from '../support/processes.ts'
import { goOn, ProxiedStage, type ProxiedWorker } from '../support/proxy/proxied-stage.ts'
import { redisHashes } from '../support/redis-contents.ts'
import { noKafka, servers } from '../support/servers.ts'
import type { WorkerProcess } from '../support/worker-process.ts'

const settings: readonly { readonly topology: ChaosTopology; readonly kept: 'redis' | 'memory' }[] = isLong
  ? [
      { topology: 'copy', kept: 'memory' },
      { topology: 'running', kept: 'redis' },
      { topology: 'windowed', kept: 'redis' },
      { topology: 'sessions', kept: 'memory' },
    ]
  : [{ topology: 'running', kept: 'redis' }]
const recordsPerSecond = 500
const sessionTimeoutMs = 6_000
/** Far longer than it takes to replace a worker. */
const transactionTimeoutMs = 60_000
const blockedMs = isLong ? 15_000 : 8_000
/** Of the second worker alone. */
const batchTimeoutMs = 10_000
/** On a machine that has much else to do. */
const withinMs = 90_000

for (const { topology, kept } of settings) {
  test(`owners: ${topology}, state in ${kept}`, { skip: noKafka }, async (test) => {
    const { redisUrl } = await servers()
    if (kept === 'redis' && redisUrl === null) return test.skip('there is no Redis')
    const proxied = await ProxiedStage.set({
      test,
      name: `owners-${topology}`,
      topology,
      redis: kept === 'redis' ? redisUrl : null,
      // The third is the first one's twin, and starts in the end.
      workers: ['a', 'b', 'a'],
      flags: { 'kafka-transaction-timeout-ms': transactionTimeoutMs, 'kafka-session-timeout-ms': sessionTimeoutMs },
      flagsOf: (worker): Readonly<Record<string, number>> => (worker === 1 ? { 'batch-timeout-ms': batchTimeoutMs } : {}),
    })
    await new Owners(proxied).play()
  })
}

class Owners {
  readonly #proxied: ProxiedStage
  readonly #first: ProxiedWorker
  readonly #second: ProxiedWorker

  constructor(proxied: ProxiedStage) {
    this.#proxied = proxied
    this.#first = proxied.worker(0)
    this.#second = proxied.worker(1)
  }

  async play(): Promise<void> {
    const scenario = this.#proxied.scenario.bind(this.#proxied)
    const { stage } = this.#proxied
    stage.start(0, 1)
    await stage.settled()
    stage.flow(recordsPerSecond)
    await goOn(stage)
    await scenario('SIGSTOP shorter than the session', () => this.#stopShortly())
    await scenario(`user code blocks for ${blockedMs / 1000} s`, () => this.#block())
    await scenario('user code blocks for longer than the batch time-out', () => this.#blockTooLong())
    await scenario('SIGSTOP past the session, within a transaction', () => this.#stopInTransaction())
    if (stage.redis !== null) await scenario('SIGSTOP between commit and Redis', () => this.#stopBeforeRedis(stage.redis ?? ''))
    await scenario('killed with an open transaction, and not restarted', () => this.#die())
    await scenario('two processes with one instance id', () => this.#twins())
    await stage.finish()
  }

  /** Nobody else notices. */
  async #stopShortly(): Promise<string> {
    const { process } = this.#first
    return this.#withoutRebalance(async () => {
      process.signal('SIGSTOP')
      await delay(sessionTimeoutMs / 3)
      process.signal('SIGCONT')
    })
  }

  /** Heartbeats go on beside it, so that nobody notices but those who wait for its output. */
  async #block(): Promise<string> {
    const [gate] = this.#proxied.stage.gates
    return this.#withoutRebalance(async () => {
      gate?.close()
      await until(() => gate?.isReached === true, 'user code blocks', withinMs)
      await delay(blockedMs)
      gate?.open()
    })
  }

  async #withoutRebalance(strike: () => Promise<void>): Promise<string> {
    const { stage } = this.#proxied
    await until(() => this.#isBalanced(), 'the group is at rest', withinMs)
    const generations = await this.#generations()
    await strike()
    await goOn(stage)
    assert.deepEqual(await this.#generations(), generations, 'nobody has joined anew')
    return 'no rebalance'
  }

  /** It gives up its membership by itself; what it goes on with when it comes to, is nobody's. */
  async #blockTooLong(): Promise<string> {
    const { stage } = this.#proxied
    const gate = stage.gates[1]
    gate?.close()
    await until(() => gate?.isReached === true, 'user code blocks', withinMs)
    return this.#comesBack({ after: this.#first.process, wake: () => gate?.open() })
  }

  /** It wakes with a transaction that has records and positions, and only has to be ended. */
  async #stopInTransaction(): Promise<string> {
    const { stage } = this.#proxied
    const { process, kafka } = this.#first
    const where = { topic: stage.inputTopic }
    const stop = { kind: 'signal', signal: 'SIGSTOP', before: true } as const
    const planned = kafka.plan({ api: 'TxnOffsetCommit', at: 'answer', nth: 1, where, does: stop })
    await stage.until(() => planned.isHit, 'it stands still in a transaction')
    return this.#comesBack({ after: this.#second.process, wake: () => process.signal('SIGCONT') })
  }

  /** Whoever stands still wakes when another has been at work in its place. */
  async #comesBack({ after, wake }: { readonly after: WorkerProcess; readonly wake: () => void }): Promise<string> {
    const { stage } = this.#proxied
    await this.#untilOwnerOfAll(after)
    await stage.processes(recordsPerSecond)
    wake()
    await stage.settled(withinMs)
    await goOn(stage)
    return 'replaced, and back as a healthy member'
  }

  /** What it has committed stands between it and Redis, and arrives when another owner has moved on. */
  async #stopBeforeRedis(url: string): Promise<string> {
    const { stage } = this.#proxied
    const { process, redis } = this.#first
    assert.ok(redis)
    const apply = { command: 'script', nth: 1, where: { script: 'apply-chunk' } } as const
    const held = redis.plan({ ...apply, at: 'request', does: { kind: 'hold' } })
    await stage.until(() => held.isHit, 'a chunk is on its way')
    process.signal('SIGSTOP')
    await this.#untilOwnerOfAll(this.#second.process)
    await goOn(stage)
    await stage.input.pause()
    await goOn(stage)
    const settled = await this.#settledStores(url)
    const late = redis.plan({ ...apply, at: 'answer', does: { kind: 'delay', ms: 0 } })
    held.release()
    await stage.until(() => late.isHit, 'Redis has answered the late chunk')
    assert.deepEqual(await this.#storesIn(url), settled, 'the late chunk changes nothing')
    process.signal('SIGCONT')
    stage.flow(recordsPerSecond)
    await stage.settled(withinMs)
    await goOn(stage)
    return 'nothing stale lands'
  }

  /** Readers wait until the other takes over, and not until the broker gives the transaction up. */
  async #die(): Promise<string> {
    const { stage } = this.#proxied
    const { process, kafka } = this.#second
    const dies = { kind: 'signal', signal: 'SIGKILL', before: true } as const
    kafka.plan({ api: 'TxnOffsetCommit', at: 'answer', nth: 1, where: { topic: stage.inputTopic }, does: dies })
    await process.ended()
    const atMs = Date.now()
    await this.#untilOwnerOfAll(this.#first.process)
    await until(() => this.#isSeenEverywhere(atMs), 'every partition is read again', withinMs)
    const waitedMs = Date.now() - atMs
    process.start()
    await stage.settled(withinMs)
    await goOn(stage)
    assert.ok(waitedMs < transactionTimeoutMs, `readers have waited for ${waitedMs} ms`)
    return `readers waited ${(waitedMs / 1000).toFixed(1)} s, with a transaction time-out of ${transactionTimeoutMs / 1000} s`
  }

  /** The one that came first ends, and says why; the other is left alone. */
  async #twins(): Promise<string> {
    const { stage } = this.#proxied
    const twins = [this.#first, this.#proxied.worker(2)]
    for (const { process } of twins) process.mayEnd()
    this.#proxied.worker(2).process.start().mayEnd()
    await until(() => twins.some(({ process }) => process.ending !== null), 'one of the two ends', withinMs)
    const [loser] = twins.filter(({ process }) => process.ending !== null)
    assert.deepEqual(await loser?.process.ended(), { code: 1, signal: null }, loser?.process.tail())
    assert.match(loser?.process.errors ?? '', /another process has this instance id/)
    await stage.settled(withinMs)
    await goOn(stage)
    const winner = twins.find((twin) => twin !== loser)
    const facts = async () => [await this.#generations(), winner?.kafka.count('InitProducerId'), winner?.kafka.count('JoinGroup')]
    const before = await facts()
    for (let round = 0; round < 3; round++) await goOn(stage)
    assert.deepEqual(await facts(), before, 'the other goes on undisturbed')
    assert.equal(winner?.process.ending, null)
    return 'one ended with exit code 1, the other went on undisturbed'
  }

  /** Each has tasks, all of them run, and nobody is a generation ahead: no rebalance is under way. */
  async #isBalanced(): Promise<boolean> {
    const alive = this.#proxied.workers.filter(({ process }) => process.isAlive)
    const shown = (await Promise.all(alive.map(({ process }) => process.shown()))).flat()
    const isAtRest = shown.every(({ tasks, running }) => tasks > 0 && running === tasks)
    return shown.length === alive.length && isAtRest && new Set(shown.map(({ generation }) => generation)).size === 1
  }

  /** Of the group, as those see it who are in it. */
  async #generations(): Promise<readonly number[]> {
    const alive = this.#proxied.workers.filter(({ process }) => process.isAlive)
    const shown = await Promise.all(alive.map(({ process }) => process.shown()))
    return shown.flat().map(({ generation }) => generation)
  }

  async #untilOwnerOfAll(process: WorkerProcess): Promise<void> {
    const { topology, partitions } = this.#proxied.stage
    const tasks = partitions * parts[topology].subtopologies
    await until(async () => (await process.tasksRunning()) === tasks, `one runs all tasks`, withinMs)
  }

  /** A reader has got something of every partition of the output since then, if it is one that every record goes to. */
  #isSeenEverywhere(sinceMs: number): boolean {
    const { bystander, application, partitions, topology } = this.#proxied.stage
    const output = `${application}-${parts[topology].outputs[0]}`
    const since = bystander.seen.filter(({ topic, atMs }) => topic === output && atMs > sinceMs)
    return new Set(since.map(({ partition }) => partition)).size >= partitions
  }

  #storesIn(url: string): Promise<unknown> {
    return redisHashes(url, this.#proxied.stage.application)
  }

  /** When nothing is on its way but what is held. */
  async #settledStores(url: string): Promise<unknown> {
    let last = JSON.stringify(await this.#flatStores(url))
    await until(
      async () => {
        await delay(500)
        const now = JSON.stringify(await this.#flatStores(url))
        const isSettled = now === last
        last = now
        return isSettled
      },
      'Redis is at rest',
      withinMs,
    )
    return this.#storesIn(url)
  }

  async #flatStores(url: string): Promise<unknown> {
    const hashes = await redisHashes(url, this.#proxied.stage.application)
    return [...hashes].map(([name, fields]) => [name, [...fields]])
  }
}
