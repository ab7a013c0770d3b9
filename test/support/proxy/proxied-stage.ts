/** The stage of the chaos tests with proxies between each worker and its servers, and scenarios that follow one another on it. */
import type { TestContext } from 'node:test'
import { type ChaosOptions, ChaosStage } from '../chaos-stage.ts'
import { tellResult } from '../gaps.ts'
import { until } from '../processes.ts'
import { servers } from '../servers.ts'
import type { WorkerProcess } from '../worker-process.ts'
import { KafkaProxy } from './kafka-proxy.ts'
import { RedisProxy } from './redis-proxy.ts'

/** A worker with what stands between it and its servers. */
export interface ProxiedWorker {
  readonly process: WorkerProcess
  readonly kafka: KafkaProxy
  /** Null where the state is held in memory. */
  readonly redis: RedisProxy | null
}

export class ProxiedStage {
  readonly stage: ChaosStage
  readonly workers: readonly ProxiedWorker[]
  readonly #test: TestContext

  private constructor(test: TestContext, stage: ChaosStage, workers: readonly ProxiedWorker[]) {
    this.#test = test
    this.stage = stage
    this.workers = workers
  }

  static async set(options: ChaosOptions): Promise<ProxiedStage> {
    const brokers = options.brokers ?? (await servers()).brokers
    const { redis: url, flagsOf = () => ({}) } = options
    const proxies = await Promise.all(
      options.workers.map(async () => ({
        kafka: await KafkaProxy.start({ brokers }),
        redis: url === null ? null : await RedisProxy.start({ url }),
      })),
    )
    const stage = await ChaosStage.set({
      ...options,
      flagsOf: (worker) => {
        const { kafka, redis = null } = proxies[worker] ?? {}
        const addresses = {
          'kafka-brokers': kafka?.addresses.join(',') ?? '',
          ...(redis === null ? {} : { 'redis-url': redis.url }),
        }
        return { ...flagsOf(worker), ...addresses }
      },
    })
    const workers = stage.workers.flatMap((process, index) => {
      const { kafka, redis } = proxies[index] ?? {}
      if (kafka === undefined || redis === undefined) return []
      kafka.signals(process)
      redis?.signals(process)
      return [{ process, kafka, redis }]
    })
    options.test.after(() => Promise.all(workers.map(({ kafka, redis }) => Promise.all([kafka.close(), redis?.close()]))))
    return new ProxiedStage(options.test, stage, workers)
  }

  /** @throws RangeError where there is no such worker */
  worker(index: number): ProxiedWorker {
    const found = this.workers[index]
    if (found === undefined) throw new RangeError(`there is no worker ${index}`)
    return found
  }

  /** The reader is not far behind, or there is nothing more for it to read: or it would not have seen the gap. */
  async #untilSeen(sinceMs: number): Promise<void> {
    const { bystander } = this.stage
    await until(() => (bystander.seen.at(-1)?.atMs ?? 0) > sinceMs, 'the reader is there', readerWithinMs).catch(() => {})
  }

  /**
   * Plays a scenario while input flows, and has its longest gap in committed output reported. `play` may tell what came of it. After one
   * that fails, nothing can be said about those behind it. @throws Error where it failed
   */
  async scenario(name: string, play: () => Promise<string | void>): Promise<void> {
    let failure: unknown = null
    await this.#test.test(name, async (test) => {
      const fromMs = Date.now()
      try {
        const outcome = (await play()) ?? 'exactly once'
        await this.#untilSeen(Date.now())
        const longestGapMs = this.stage.gapSince(fromMs)
        test.diagnostic(`${outcome}; longest gap in committed output ${(longestGapMs / 1000).toFixed(1)} s`)
        tellResult({ scenario: name, brokers: this.stage.brokers.length, outcome, longestGapMs })
      } catch (error) {
        failure = error
        throw error
      }
    })
    if (failure !== null) throw new Error(`broken off at: ${name}`, { cause: failure })
  }
}

const readerWithinMs = 5_000
/** On a machine that has much else to do. */
const goOnWithinMs = 90_000

/** Waits until everything that was sent before is committed. */
export async function goOn(stage: ChaosStage): Promise<void> {
  const { total } = stage.input
  await stage.until(() => stage.processed >= total, 'all that was sent is processed', goOnWithinMs)
}
