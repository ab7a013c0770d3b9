/** Members come and go: under load, by the second, more than there is work for, and one after the other for a new version. */
import assert from 'node:assert/strict'
import { loadavg } from 'node:os'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import { type ChaosTopology, chaosTopologies } from '../support/checker/answers.ts'
import { noKafka, servers } from '../support/servers.ts'
import { slowness } from '../support/slowness.ts'
import { stopWell } from '../support/stage.ts'
import type { WorkerProcess } from '../support/worker-process.ts'

const skip = noKafka
const recordsPerSecond = 1_000
const inShort = (...topologies: readonly ChaosTopology[]) => (isLong ? chaosTopologies : topologies)

/** Guests of the group. Each second one of them joins; or one leaves, which has taken part. */
class Visitors {
  readonly #workers: readonly WorkerProcess[]
  readonly #leaving = new Set<WorkerProcess>()
  moves = 0

  constructor(workers: readonly WorkerProcess[]) {
    this.#workers = workers
  }

  /** Nothing happens while all have come and none has arrived. */
  async move(): Promise<void> {
    const away = this.#workers.find((worker) => !worker.isAlive && !this.#leaving.has(worker))
    const arrived = await this.#arrived()
    // By turns where both can be.
    if (arrived !== undefined && (away === undefined || this.moves % 2 === 1)) {
      this.#leaving.add(arrived)
      void arrived.stop().finally(() => this.#leaving.delete(arrived))
    } else if (away !== undefined) away.start()
    else return
    this.moves += 1
  }

  async #arrived(): Promise<WorkerProcess | undefined> {
    const candidates = this.#workers.filter((worker) => worker.isAlive && !this.#leaving.has(worker))
    const shown = await Promise.all(candidates.map((worker) => worker.shown()))
    return candidates.find((_, index) => (shown[index] ?? []).length > 0)
  }
}

for (const topology of inShort('running')) {
  test(`a member joins or leaves each second, ${topology}`, { skip }, async (test) => {
    const { redisUrl: redis } = await servers()
    const workers = ['a', 'b', null, null, null]
    const stage = await ChaosStage.set({ test, name: 'storm', topology, redis, workers })
    const visitors = new Visitors(stage.workers.slice(2))
    stage.start(0, 1)
    stage.flow(recordsPerSecond)
    await stage.processes(1_000)
    let newest = 0
    // A worker that is too busy to answer has not gone back.
    const generation = async () => (newest = Math.max(newest, (await stage.workers[0]?.shown())?.[0]?.generation ?? 0))
    await stage.settled()
    const before = await generation()
    const [seconds, generations] = isLong ? [60, 20] : [12, 3]
    const begin = performance.now()
    const elapsed = () => Math.round((performance.now() - begin) / 1_000)
    // A busy machine takes longer over as many changes.
    while (elapsed() < seconds || (await generation()) < before + generations) {
      assert.ok(elapsed() < 10 * seconds * slowness(), `only ${(await generation()) - before} generations in ${elapsed()} s`)
      await visitors.move()
      await delay(1_000)
    }
    test.diagnostic(`${visitors.moves} joins and leaves in ${elapsed()} s made ${(await generation()) - before} generations`)
    await stage.processes(1_000)
    await stage.finish()
  })
}

for (const topology of inShort('windowed')) {
  test(`1, 3, 1 and 2 workers under load, ${topology}`, { skip }, async (test) => {
    const { redisUrl: redis } = await servers()
    const stage = await ChaosStage.set({ test, name: 'scale', topology, redis, workers: ['a', null, 'c'] })
    const enough = isLong ? 20_000 : 2_000
    stage.start(0)
    stage.flow(isLong ? 4_000 : recordsPerSecond)
    await stage.processes(enough)
    stage.start(1, 2)
    await stage.settled()
    await stage.processes(enough)
    await Promise.all(stage.workers.slice(1).map((worker) => stopWell(worker)))
    await stage.settled()
    await stage.processes(enough)
    stage.start(1)
    await stage.settled()
    await stage.processes(enough)
    await stage.finish()
  })
}

test('more workers than partitions: those without work take over', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const stage = await ChaosStage.set({
    test,
    name: 'idle',
    topology: 'running',
    redis,
    partitions: 2,
    workers: [null, null, null, null],
  })
  stage.start()
  stage.flow(recordsPerSecond)
  await stage.processes(1_000)
  for (let round = 0; round < (isLong ? 6 : 2); round++) {
    let tasks: readonly number[] = []
    const isShared = async () => {
      tasks = await Promise.all(stage.workers.map((worker) => worker.tasksRunning()))
      return tasks.toSorted((a, b) => a - b).join() === '0,0,1,1'
    }
    await stage.until(isShared, 'two have work, two have none')
    const busy = stage.workers[tasks.indexOf(1)]
    await busy?.kill()
    await stage.processes(1_000)
    busy?.start()
  }
  await stage.finish()
})

test('a rolling restart of three workers with another batch size', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const rounds = isLong ? 3 : 1
  // Each takes the place, and the instance id, of the one three before.
  const workers = Array.from({ length: 3 * (rounds + 1) }, (_, index) => ['a', 'b', 'c'][index % 3] ?? '')
  const flagsOf = (index: number) => ({ 'batch-records-max': [50_000, 500, 7_000, 60][Math.floor(index / 3)] ?? 1_000 })
  const stage = await ChaosStage.set({ test, name: 'rolling', topology: 'running', redis, partitions: 6, workers, flagsOf })
  stage.start(0, 1, 2)
  stage.flow(isLong ? 3_000 : recordsPerSecond)
  await stage.settled()
  await stage.processes(1_000)
  const begin = Date.now()
  for (let index = 3; index < workers.length; index++) {
    const before = stage.workers[index - 3]
    if (before !== undefined) await stopWell(before)
    stage.start(index)
    await stage.settled()
    await stage.processes(1_000)
  }
  await stage.drained()
  const gapMs = stage.gapSince(begin)
  test.diagnostic(`longest gap of a partition while they restart: ${(gapMs / 1000).toFixed(1)} s`)
  if (isLong) assert.ok(gapMs <= 5_000 * slowness(), `a partition stood still for ${gapMs} ms, with a load of ${loadavg()[0]}`)
  await stage.finish()
})
