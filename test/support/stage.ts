/** The setting of most integration tests: fresh topics, closed-form input, and the workers of `topologies/copy-and-sums.ts`. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { assertExactlyOnce } from './expectations.ts'
import { Gate } from './gate.ts'
import { KafkaAdmin } from './kafka-admin.ts'
import { KafkaInput } from './kafka-input.ts'
import { servers } from './servers.ts'
import { type ShownWorker, WorkerProcess } from './worker-process.ts'
import { untilWithWorkers } from './workers.ts'

export interface StageOptions {
  readonly test: TestContext
  /** Begins the application's name. */
  readonly name: string
  /** A file in `topologies/`. Default: `copy-and-sums.ts`, which alone `finish` and `check` are for. */
  readonly topology?: string
  readonly redisUrl: string | null
  /** One process each; null: a dynamic member. */
  readonly instances: readonly (string | null)[]
  readonly flags?: Readonly<Record<string, string | number>>
  /** Of the workers' processes. */
  readonly environment?: Readonly<Record<string, string>>
  readonly partitions?: number
  /** A cluster of the test's own. Default: the one that the tests share. */
  readonly brokers?: readonly string[]
  /** In how many groups the keys take turns; see KafkaInput. */
  readonly shifts?: number
}

export class Stage {
  readonly application: string
  readonly brokers: readonly string[]
  readonly redisUrl: string | null
  readonly admin: KafkaAdmin
  readonly input: KafkaInput
  readonly workers: readonly WorkerProcess[]
  /** One for each of the workers, in their order. */
  readonly gates: readonly Gate[]
  readonly partitions: number

  private constructor(options: StageOptions, brokers: readonly string[]) {
    const { name, redisUrl, instances, flags = {}, partitions = 4, shifts = 1 } = options
    this.application = `${name}-${randomUUID().slice(0, 8)}`
    this.brokers = brokers
    this.redisUrl = redisUrl
    this.partitions = partitions
    this.admin = new KafkaAdmin(brokers)
    this.input = new KafkaInput({ brokers, topic: `${this.application}-input`, shifts })
    const all = {
      'application-id': this.application,
      'kafka-brokers': brokers.join(','),
      'kafka-session-timeout-ms': 6_000,
      'kafka-heartbeat-interval-ms': 1_000,
      ...(redisUrl === null ? {} : { 'redis-url': redisUrl }),
      ...flags,
    }
    this.gates = instances.map((_, index) => new Gate(`${this.application}-${index}`))
    this.workers = instances.map(
      (instance, index) =>
        new WorkerProcess({
          topology: options.topology ?? 'copy-and-sums.ts',
          environment: { ...options.environment, TEST_TOPICS: this.application, TEST_GATE: this.gates[index]?.path ?? '' },
          flags: instance === null ? all : { ...all, 'instance-id': instance },
        }),
    )
  }

  /** With its topics made, and all ended after the test; the workers are not started yet. */
  static async set(options: StageOptions): Promise<Stage> {
    const brokers = options.brokers ?? (await servers()).brokers
    const stage = new Stage(options, brokers)
    const { admin, input, application, partitions } = stage
    options.test.after(async () => {
      await Promise.all(stage.workers.map((worker) => worker.end()))
      for (const gate of stage.gates) gate.open()
      await Promise.all([input.close(), admin.close()])
    })
    await Promise.all([admin.connect(), input.connect()])
    await admin.createTopics(Object.fromEntries(['input', 'copy', 'sums'].map((name) => [`${application}-${name}`, partitions])))
    return stage
  }

  /** How many input records are committed. */
  processed(): Promise<number> {
    return this.admin.processed(this.application, `${this.application}-input`)
  }

  /** Waits until `count` more records than now are committed. */
  async processes(count: number, timeoutMs = 60_000): Promise<void> {
    const from = await this.processed()
    await this.until(async () => (await this.processed()) >= from + count, `${count} more records are processed`, timeoutMs)
  }

  /** Waits until every partition that has input is processed for `count` records beyond its present end: whoever has it, it is at work. */
  async processesEverywhere(count = 100, timeoutMs = 60_000): Promise<void> {
    const topic = `${this.application}-input`
    let ends: readonly number[] = []
    await this.until(async () => (ends = await this.admin.ends(topic)).length > 0, 'the ends of the input are known')
    const isBeyond = async () => {
      const committed = await this.admin.committed(this.application, topic)
      return ends.every((end, partition) => end === 0 || (committed[partition] ?? 0) >= end + count)
    }
    await this.until(isBeyond, `${count} more records of every partition are processed`, timeoutMs)
  }

  /** Ends the input and waits until all of it is processed. */
  async drained(timeoutMs = 90_000): Promise<void> {
    await this.input.pause()
    const drained = () => this.admin.drained(this.application, `${this.application}-input`)
    await this.until(drained, 'the input is processed to its end', timeoutMs)
  }

  /** Waits until every process is in the group and all tasks run. */
  async settled(timeoutMs = 60_000): Promise<void> {
    await this.until(
      async () => {
        const shown = (await this.members()).flat()
        const running = shown.reduce((sum, worker) => sum + worker.running, 0)
        return shown.length >= this.workers.length && running === this.partitions
      },
      'all workers are in the group, and all tasks run',
      timeoutMs,
    )
  }

  /** By process, its workers in the group: member, generation and tasks. */
  members(): Promise<readonly (readonly ShownWorker[])[]> {
    return Promise.all(this.workers.map((worker) => worker.shown()))
  }

  /** Drains, stops all workers, and checks everything that they left. */
  async finish(): Promise<void> {
    await this.drained()
    await this.settled()
    await this.stop()
    await this.check()
    assert.ok(await this.admin.drained(this.application, `${this.application}-input`), 'the input is processed to its end')
  }

  /** Stops all workers, and expects that they end well. */
  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => stopWell(worker)))
  }

  /** Checks what is committed, once the workers have stopped. */
  async check(): Promise<void> {
    await assertExactlyOnce({ ...this.#facts(), topics: this.application })
  }

  #facts() {
    const { brokers, application, partitions, input, redisUrl } = this
    return { brokers, application, partitions, input, redisUrl }
  }

  /** Waits for a condition, while no worker ends unasked. A failure says how they are, and what they logged last. */
  until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 60_000): Promise<void> {
    return untilWithWorkers(this.workers, condition, what, timeoutMs)
  }
}

/** Stops a worker, and expects that it ends well. */
export async function stopWell(worker: WorkerProcess, signal?: 'SIGTERM' | 'SIGINT'): Promise<void> {
  assert.deepEqual(await worker.stop(signal), { code: 0, signal: null }, worker.tail())
}
