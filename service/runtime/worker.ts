/** The loop of one worker: micro-batches over all its tasks, each committed in one transaction. */
import { UnpreparedError } from '../codec/prepared.ts'
import type { Batch } from './batch.ts'
import { BatchTimes } from './batch-times.ts'
import { announceActivity, applyBatch, commitBatch, produceBatch } from './batch-transaction.ts'
import { recover, startProducer } from './recovery.ts'
import type { ToWorker } from './seam.ts'
import { loadStage, prepareBatch } from './until-loaded.ts'
import { WorkerResources } from './worker-resources.ts'
import type { WorkerParts } from './worker-parts.ts'

/** Obeys the supervisor through `deliver`; `run` resolves when it was stopped, and rejects with the fault that ended it. */
export class Worker {
  readonly #parts: WorkerParts
  readonly #resources: WorkerResources
  readonly #mail: ToWorker[] = []
  /** Ends the wait for the trigger. */
  #wake = new AbortController()
  /** Aborted by mail: ends the long waits of a batch too. */
  #interruption = new AbortController()
  #leftover = false
  /** Counts the cuts, so that partitions take turns in being the first. */
  #turn = 0
  #isStopping = false
  /** What the batch that was given up asked for where nobody had foreseen it. */
  readonly #unprepared: UnpreparedError[] = []
  /** Monotonic: until when a stop may wait for the state backend. */
  #stopBy = 0

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#resources = new WorkerResources(parts, {
      wake: () => this.#wake.abort(),
      interrupted: () => this.#mail.length > 0,
      signal: () => this.#interruption.signal,
    })
  }

  /** Takes a message of the supervisor. What concerns the membership counts at once, the rest at the next boundary between batches. */
  deliver(message: ToWorker): void {
    const { membership, heartbeats, tasks } = this.#resources
    if (message.kind === 'heartbeat') return heartbeats.answered(message.answer)
    if (message.kind === 'generation') return membership.moved(message)
    if (message.kind === 'assigned') membership.assigned(message)
    if (message.kind === 'lost') {
      membership.lost()
      tasks.stopTaking()
    }
    if (message.kind === 'stop') this.#stopBy = this.#parts.clock.monotonic() + message.deadlineMs
    this.#mail.push(message)
    this.#wake.abort()
    this.#interruption.abort()
  }

  /** Brings the figures up to date that are as of now; also to be called while the loop waits, or nobody would see for what. */
  report(): void {
    this.#resources.figures.report()
  }

  async run(): Promise<void> {
    const { post, flags } = this.#parts
    void this.#resources.watch()
    try {
      // Whoever joins has initialised its ids (P8): a stop may come before that.
      while (!this.#isStopping && !(await startProducer(this.#resources))) this.#obey()
      if (!this.#isStopping) post({ kind: 'ready' })
      while (!this.#isStopping) {
        try {
          this.#obey()
          if (this.#isStopping) break
          if (this.#resources.unsettled !== null) await recover(this.#resources, this.#resources.unsettled)
          else await this.#runBatch()
        } catch (error) {
          if (error instanceof UnpreparedError) this.#unprepared.push(error)
          await recover(this.#resources, error)
        }
      }
      await this.#resources.drain(this.#stopBy - this.#parts.clock.monotonic())
    } finally {
      flags.busy = false
      await this.#resources.close()
    }
    post({ kind: 'stopped' })
  }

  /** The boundary between two batches: nothing is under way here. */
  #obey(): void {
    this.#wake = new AbortController()
    this.#interruption = new AbortController()
    const { tasks } = this.#resources
    for (const message of this.#mail.splice(0)) {
      switch (message.kind) {
        case 'assigned':
          this.#parts.metrics.add('caudal_rebalances_total', 1)
          tasks.assign(message.tasks)
          break
        case 'revoke':
          for (const task of message.tasks) tasks.giveUp(task)
          this.#parts.post({ kind: 'revoked', revocation: message.revocation })
          break
        case 'lost':
          this.#parts.log.warn({ reason: message.reason }, 'the membership is lost: dropping all tasks')
          tasks.giveUpAll()
          break
        case 'end-of-sources':
          for (const task of tasks.running.values()) {
            task.time?.endOfSources()
            task.slots?.end()
          }
          break
        case 'stop':
          this.#isStopping = true
          break
        default:
      }
    }
  }

  /**
   * One micro-batch:
   * 1. Cut: take what was fetched ahead, of all tasks; wait for the trigger only when nothing was left over.
   * 2. Fetch what codecs lack; decode, and push every record through the stateless steps up to the first state.
   * 3. Stage by stage: load what the records need and is not cached, in one round trip; run, synchronously.
   * 4. Produce outputs and changelog records to the transaction.
   * 5. Commit: source offsets with the membership as of the cut, then the transaction.
   * 6. Apply the changes to the state backend, behind the loop.
   */
  async #runBatch(): Promise<void> {
    const { trigger, flags } = this.#parts
    const resources = this.#resources

    // 1.
    // What failed during the last batch woke nobody, and may be followed by no input.
    await resources.raiseFailures()
    // Waiting for input is no work in hand, however long it takes.
    flags.busy = this.#leftover || resources.tasks.takingCount > 0
    // A close that is not finished goes on at once.
    const { membership, tasks } = resources
    const isUnfinished = membership.current !== null && [...tasks.running.values()].some(({ pipeline }) => pipeline.isDue)
    await trigger.wait({
      leftover: this.#leftover || isUnfinished,
      arrival: (signal) => resources.arrivalOrTime(signal),
      signal: this.#wake.signal,
    })
    flags.advance()
    if (this.#mail.length > 0) return
    await resources.raiseFailures()
    this.report()
    const batch = this.#cut()
    flags.busy = batch !== null || resources.tasks.takingCount > 0
    if (batch === null) return

    // 2.
    await prepareBatch(resources, batch, this.#unprepared)
    this.#unprepared.length = 0
    announceActivity(resources, batch)
    for (const task of batch.tasks) {
      task.pipeline.begin({ time: batch.time, number: task.batch })
      for (const slice of batch.slices.get(task.id) ?? []) task.pipeline.accept(slice)
    }
    batch.times.end('decode')

    // 3.
    const stages = Math.max(...batch.tasks.map(({ pipeline }) => pipeline.stages.length))
    for (let stage = 0; stage < stages; stage++) {
      await loadStage(resources, batch.tasks, stage)
      batch.times.end('load')
      for (const { pipeline } of batch.tasks) pipeline.stages[stage]?.run()
      batch.times.end('run')
    }

    // 4.
    const segments = await produceBatch(resources, batch)
    batch.times.end('produce')

    // 5.
    await commitBatch(resources, batch, segments)
    batch.times.end('commit')

    // 6.
    for (const { pipeline } of batch.tasks) pipeline.end()
    applyBatch(resources, batch, segments)
  }

  #cut(): Batch | null {
    const { cut, settings, clock } = this.#parts
    const { tasks, membership } = this.#resources
    const frozen = membership.current
    this.#leftover = false
    if (frozen === null || tasks.running.size === 0) return null
    const times = new BatchTimes(clock)
    const feeds = new Map([...tasks.running].map(([id, task]) => [id, task.feeds]))
    const { slices, leftover } = cut(feeds, {
      recordsMax: this.#resources.size.recordsMax,
      bytesMax: settings.batchBytesMax,
      turn: this.#turn++,
    })
    this.#leftover = leftover
    const now = { monotonic: clock.monotonic(), wall: clock.now() }
    // Time is looked at for all of them, whether there are records or not.
    const due = new Set([...tasks.running.values()].filter((task) => task.observeTime(now)))
    const touched = [...tasks.running.values()].filter((task) => due.has(task) || (slices.get(task.id)?.length ?? 0) > 0)
    if (touched.length === 0) return null
    times.end('cut')
    return { frozen, slices, tasks: touched, time: now.wall, times }
  }
}
