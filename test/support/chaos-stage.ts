/**
 * The setting of the chaos tests: fresh topics, input in closed form, workers of one of the four topologies, and somebody who stands beside
 * them and sees it all with Kafka's own client. In the end the checker is asked.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Bystander } from './bystander/bystander.ts'
import { ChaosInput } from './chaos-input.ts'
import { type ChaosTopology, expectedOf, parts } from './checker/answers.ts'
import { type Anomaly, placeOf } from './checker/anomaly.ts'
import { anomaliesOf } from './checker/checker.ts'
import type { CommittedOffset, FinalRead, History, SeenRecord } from './checker/history.ts'
import { Gate } from './gate.ts'
import { longestGapMs, longestGapOfAnyMs, tellResult } from './gaps.ts'
import { KafkaAdmin } from './kafka-admin.ts'
import { until } from './processes.ts'
import { KafkaProxy } from './proxy/kafka-proxy.ts'
import { heldStores } from './redis-stores.ts'
import { servers } from './servers.ts'
import { slowness } from './slowness.ts'
import { stopWell } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'
import { logsOf, untilWithWorkers } from './workers.ts'

export interface ChaosOptions {
  readonly test: TestContext
  /** Begins the application's name. */
  readonly name: string
  readonly topology: ChaosTopology
  /** The topology's file, where it is another than its own, with the same answers. */
  readonly file?: string
  /** Null: the state is held in memory. */
  readonly redis: string | null
  /** Default: those that the tests share. */
  readonly brokers?: readonly string[]
  /** One process each, by instance id; null: a dynamic member. None is started yet. */
  readonly workers: readonly (string | null)[]
  readonly flags?: Readonly<Record<string, string | number>>
  /** Of one worker over those of all, by index. */
  readonly flagsOf?: (worker: number) => Readonly<Record<string, string | number>>
  /** Of the workers' processes. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of the process of one worker, by index. */
  readonly environmentOf?: (worker: number) => Readonly<Record<string, string>>
  /** Puts a proxy of its own between each worker and the brokers. */
  readonly proxied?: boolean
  /** What each worker's process is run by; see WorkerProcess. */
  readonly command?: readonly string[]
  readonly partitions?: number
  readonly keys?: number
  /** See ChaosInput. Default: 4 for topologies without event time, else 1, as keys that rest would be late. */
  readonly shifts?: number
  /** Changelogs are compacted while the test goes on. */
  readonly isCompacted?: boolean
}

const whileSeenMs = 60_000
const shownAnomalies = 20

export class ChaosStage {
  readonly application: string
  readonly topology: ChaosTopology
  readonly brokers: readonly string[]
  readonly redis: string | null
  readonly admin: KafkaAdmin
  readonly bystander: Bystander
  readonly input: ChaosInput
  readonly workers: readonly WorkerProcess[]
  /** One for each of the workers, in their order. */
  readonly gates: readonly Gate[]
  /** One for each of the workers, in their order, where they are wanted. */
  readonly proxies: readonly KafkaProxy[]
  readonly partitions: number
  readonly #options: ChaosOptions
  #toMs = Number.POSITIVE_INFINITY

  private constructor(
    options: ChaosOptions,
    given: Pick<ChaosStage, 'application' | 'brokers' | 'admin' | 'bystander' | 'proxies'>,
  ) {
    const { topology, redis, partitions = 4, environment = {}, flagsOf = () => ({}), environmentOf = () => ({}) } = options
    this.#options = options
    this.application = given.application
    this.topology = topology
    this.brokers = given.brokers
    this.redis = redis
    this.admin = given.admin
    this.bystander = given.bystander
    this.proxies = given.proxies
    this.partitions = partitions
    const shifts = options.shifts ?? (this.#part.needsTail ? 1 : 4)
    this.input = new ChaosInput({ bystander: this.bystander, partitions, keys: options.keys ?? 8 * partitions, shifts })
    const all = {
      'application-id': this.application,
      'kafka-session-timeout-ms': 6_000,
      'kafka-heartbeat-interval-ms': 1_000,
      ...(redis === null ? {} : { 'redis-url': redis }),
      ...options.flags,
    }
    this.gates = options.workers.map((_, index) => new Gate(`${this.application}-${index}`))
    this.workers = options.workers.map(
      (instance, index) =>
        new WorkerProcess({
          topology: options.file ?? `${topology}.ts`,
          command: options.command ?? [],
          environment: {
            ...environment,
            ...environmentOf(index),
            TEST_TOPICS: this.application,
            TEST_GATE: this.gates[index]?.path ?? '',
          },
          flags: {
            ...all,
            'kafka-brokers': (this.proxies[index]?.addresses ?? this.brokers).join(','),
            ...(instance === null ? {} : { 'instance-id': instance }),
            ...flagsOf(index),
          },
        }),
    )
    for (const [index, proxy] of this.proxies.entries()) {
      const worker = this.workers[index]
      if (worker !== undefined) proxy.signals(worker)
    }
  }

  /** With its topics made, and all ended after the test; the workers are not started yet. */
  static async set(options: ChaosOptions): Promise<ChaosStage> {
    const brokers = options.brokers ?? (await servers()).brokers
    const application = `${options.name}-${randomUUID().slice(0, 8)}`
    const admin = new KafkaAdmin(brokers)
    options.test.after(() => admin.close())
    await admin.connect()
    const names = ['input', ...parts[options.topology].outputs]
    const [input = '', ...outputs] = names.map((name) => `${application}-${name}`)
    await admin.createTopics(Object.fromEntries([input, ...outputs].map((topic) => [topic, options.partitions ?? 4])))
    const bystander = await Bystander.start({ brokers, group: application, input, outputs })
    const proxies = options.proxied === true ? await Promise.all(options.workers.map(() => KafkaProxy.start({ brokers }))) : []
    const stage = new ChaosStage(options, { application, brokers, admin, bystander, proxies })
    options.test.after(async () => {
      stage.input.abandon()
      await Promise.all([...stage.workers.map((worker) => worker.end()), bystander.close()])
      await Promise.all(proxies.map((proxy) => proxy.close()))
      for (const gate of stage.gates) gate.open()
    })
    return stage
  }

  /** The topic that is written to. */
  get inputTopic(): string {
    return `${this.application}-input`
  }

  /** Starts the workers, all or those with these indexes. */
  start(...indexes: readonly number[]): void {
    for (const [index, worker] of this.workers.entries()) if (indexes.length === 0 || indexes.includes(index)) worker.start()
  }

  /** Sends about so many records a second from now on, until `drained`. */
  flow(perSecond: number): void {
    this.input.flow(perSecond)
  }

  /** How many input records are committed. */
  get processed(): number {
    return Array.from({ length: this.partitions }, (_, partition) => this.#committed(partition)).reduce(
      (sum, offset) => sum + offset,
      0,
    )
  }

  /** Waits until `count` more records than now are committed; while input flows, than were sent by now: a backlog is no progress. */
  async processes(count: number, timeoutMs = 90_000): Promise<void> {
    const from = this.input.isFlowing ? Math.max(this.processed, this.input.total) : this.processed
    await this.until(() => this.processed >= from + count, `${count} more records are processed`, timeoutMs)
  }

  /** Waits until every worker that is alive is in the group, and all tasks run. */
  async settled(timeoutMs = 90_000): Promise<void> {
    const isSettled = async () => {
      const alive = this.workers.filter(({ isAlive }) => isAlive)
      const shown = (await Promise.all(alive.map((worker) => worker.shown()))).flat()
      const running = shown.reduce((sum, worker) => sum + worker.running, 0)
      return shown.length >= alive.length && running === this.#part.subtopologies * this.partitions
    }
    await this.until(isSettled, 'all workers are in the group, and all tasks run', timeoutMs)
  }

  /** Ends the input and waits until all of it is processed, and everything that follows from it is to be seen. */
  async drained(timeoutMs = 120_000): Promise<void> {
    await this.input.pause()
    this.#toMs = Math.min(this.#toMs, Date.now())
    if (this.#part.needsTail) await this.input.moveTimeOn(this.partitions)
    const ends = new Map<number, number>()
    for (const { partition, offset } of this.input.sent) ends.set(partition, offset + 1)
    await this.until(
      () => [...ends].every(([partition, end]) => this.#committed(partition) >= end),
      'the input is processed',
      timeoutMs,
    )
    await this.#untilAnswered()
  }

  /**
   * Drains, stops all workers well, and judges everything that they left. @throws AssertionError with the anomalies
   * @param outcome what the fault did, for the table of results
   */
  async finish({ outcome = 'exactly once', scenario = this.#options.test.name } = {}): Promise<void> {
    await this.drained()
    await this.settled()
    await this.stop()
    const anomalies = await this.anomalies()
    const longest = this.longestGapMs
    const { total } = this.input
    this.#options.test.diagnostic(`${total} records; longest gap in committed output ${(longest / 1000).toFixed(1)} s`)
    this.assertNone(anomalies)
    tellResult({ scenario, brokers: this.brokers.length, outcome, longestGapMs: longest })
  }

  /** Stops all workers that are alive, and expects that they end well. */
  async stop(): Promise<void> {
    await Promise.all(this.workers.filter(({ isAlive }) => isAlive).map((worker) => stopWell(worker)))
  }

  /** Fails where there are any, and says which. */
  assertNone(anomalies: readonly Anomaly[]): void {
    const lines = anomalies.slice(0, shownAnomalies).map(({ kind, where, what }) => `${kind}: ${where}: ${what}`)
    assert.equal(anomalies.length, 0, `${anomalies.length} anomalies:\n${lines.join('\n')}\n${logsOf(this.workers)}`)
  }

  /** What is wrong with what there is now, once the workers have stopped. */
  async anomalies(): Promise<readonly Anomaly[]> {
    const final = await this.bystander.finish(new RegExp(`${this.application}-.*`))
    await this.#untilSeen(final)
    assert.deepEqual([...this.bystander.troubles, ...this.input.refused], [], 'the bystander has seen everything')
    const history = {
      ...this.#history(final),
      redis: this.redis === null ? null : await heldStores(this.redis, this.application),
    }
    return anomaliesOf(history, expectedOf(this.topology, this.application, history))
  }

  /** The longest time without committed output, from the first commit to the end of the input. */
  get longestGapMs(): number {
    const isWork = ({ topic, offset }: CommittedOffset) => topic === this.inputTopic && offset > 0
    return this.gapSince(this.bystander.offsets.find(isWork)?.atMs ?? Date.now())
  }

  /**
   * The longest time without committed output since then (ms since 1970), as long as input came: of any partition, where rows follow at
   * once on input of the same partition; else of all together.
   */
  gapSince(fromMs: number): number {
    const span = { fromMs, toMs: Math.min(this.#toMs, Date.now()) }
    return this.#part.needsTail ? longestGapMs(this.#main, span) : longestGapOfAnyMs(this.#main, span)
  }

  /** Waits for a condition, on a busy machine longer, while no worker ends unasked. A failure says how they are, and what they logged last. */
  until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 60_000): Promise<void> {
    return untilWithWorkers(this.workers, condition, what, timeoutMs * slowness())
  }

  get #part(): (typeof parts)[ChaosTopology] {
    return parts[this.#options.topology]
  }

  /** What was seen of the output that tells how far the work has come. */
  get #main(): readonly SeenRecord[] {
    const topic = `${this.application}-${this.#part.outputs[0]}`
    return this.bystander.seen.filter((record) => record.topic === topic)
  }

  #committed(partition: number): number {
    return this.bystander.committed.get(placeOf({ topic: this.inputTopic, partition })) ?? 0
  }

  #history(final: FinalRead): History {
    const { bystander, application } = this
    return {
      input: this.inputTopic,
      sent: this.input.sent,
      seen: bystander.seen,
      final,
      offsets: bystander.offsets,
      changelogs: new Map(this.#part.stores.map((store) => [store, `${application}-${store}-changelog`])),
      redis: null,
      isCompacted: this.#options.isCompacted ?? false,
    }
  }

  /** What does not come in time is not waited for: the checker names what is missing. */
  async #untilAnswered(): Promise<void> {
    const ends = Array.from({ length: this.partitions }, (_, partition) => ({
      partition,
      topic: this.inputTopic,
      first: 0,
      stable: 0,
      end: 0,
    }))
    const { outputs } = expectedOf(this.topology, this.application, this.#history({ committed: [], raw: [], ends }))
    const due = [...outputs.values()].reduce((sum, output) => sum + (output.kind === 'once' ? output.rows.size : 0), 0)
    if (due === 0) return
    const topic = `${this.application}-${this.#part.outputs[0]}`
    const rows = new Set<string>()
    let next = 0
    const areThere = () => {
      const { seen } = this.bystander
      for (; next < seen.length; next++) if (seen[next]?.topic === topic) rows.add(seen[next]?.key ?? '')
      return rows.size >= due
    }
    await this.#atMost(areThere)
  }

  /** The reader along the way has come to the end too. */
  async #untilSeen({ committed }: FinalRead): Promise<void> {
    const topics = new Set(this.#part.outputs.map((output) => `${this.application}-${output}`))
    const due = committed.filter(({ topic }) => topics.has(topic)).length
    await this.#atMost(() => this.bystander.seen.length >= due)
  }

  async #atMost(condition: () => boolean): Promise<void> {
    try {
      await until(condition, 'everything is seen', whileSeenMs * slowness())
    } catch (ignored) {
      // The checker will tell.
    }
  }
}
