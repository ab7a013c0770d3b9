/** Moves committed changes into the store backend, behind the loop: bounded in bytes, in order for each store, stores side by side. */
import { CaudalError, FatalError, StoppedError, StoreUnavailableError } from '../errors.ts'
import type { Clock } from '../clock.ts'
import type { Metrics } from '../metrics.ts'
import { chunksOf } from '../state/chunks.ts'
import type { StoreHandle, StoreId, StoreWrite } from '../state/store-backend.ts'
import type { StateView } from '../state/state-view.ts'

/** The changes of one store that one transaction committed: the records [from, to) of its changelog. */
export interface Segment {
  readonly view: StateView
  readonly handle: StoreHandle
  /** Where the segment before ended: segments are contiguous (P14). */
  readonly from: number
  /** Where `from` is: an empty segment, which says that the store is still current (P13). */
  readonly to: number
  /** As `StateView.takeChanges` returned them; may be empty, for the marker moves all the same. */
  readonly writes: readonly StoreWrite[]
  /** As in MarkerFacts; not given for an empty segment. */
  readonly leaderEpoch?: number
  /** Bytes of the reservation that this segment gives back when it is applied. */
  readonly reserved: number
}

export interface ApplyQueueOptions {
  readonly bytesMax: number
  readonly clock: Clock
  readonly metrics: Metrics
  /** Called at each attempt to apply a chunk: waiting for the backend is progress (P17). */
  readonly progress: () => void
  /** Called with each failed attempt to reach the backend for a store, and with null when that is over. */
  readonly onAway?: (store: StoreId, error: StoreUnavailableError | null) => void
  /** Called once when `failure` is set. */
  readonly onFailure?: (failure: CaudalError) => void
}

interface QueuedSegment extends Segment {
  /** Monotonic, ms: when it was committed, and the changelog ended with it. */
  readonly since: number
}

/** How far a store is behind its changelog. */
export interface ApplyLag {
  /** Of all segments that are not applied, as they were reserved. */
  readonly bytes: number
  /** Monotonic, ms: since when the oldest of them waits; null where there is none. */
  readonly since: number | null
}

/** The segments of one store. */
interface Lane {
  readonly segments: QueuedSegment[]
  /** Where the last segment ended. */
  end: number
  running: boolean
  /** Aborted when the store was given up. */
  readonly dropped: AbortController
}

const backOffMsMin = 20
const backOffMsMax = 2000

export class ApplyQueue {
  readonly #options: ApplyQueueOptions
  readonly #lanes = new Map<StoreHandle, Lane>()
  readonly #runs = new Set<Promise<void>>()
  readonly #waiters = new Set<() => void>()
  #reserved = 0
  #failure: CaudalError | null = null

  constructor(options: ApplyQueueOptions) {
    this.#options = options
  }

  /** StoreLostError, StoreFencedError or a fault, found while applying; all tasks are to be taken again. Reset by `discard`. */
  get failure(): CaudalError | null {
    return this.#failure
  }

  /** Bytes reserved, of segments that are not applied and of batches that are not committed. */
  get bytes(): number {
    return this.#reserved
  }

  lag(handle: StoreHandle): ApplyLag {
    const segments = this.#lanes.get(handle)?.segments ?? []
    return { bytes: segments.reduce((sum, { reserved }) => sum + reserved, 0), since: segments[0]?.since ?? null }
  }

  /** The stores that don't have all of their changes yet. */
  get pending(): readonly StoreId[] {
    return [...this.#lanes].filter(([, { segments }]) => segments.length > 0).map(([{ id }]) => id)
  }

  /**
   * Makes room before Produce, so that whatever is committed has a place (P14); waits while the queue is full. What is larger than the
   * whole queue goes through alone. @throws StoppedError when aborted; the failure, if there is one
   */
  async reserve(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.#reserved > 0 && this.#reserved + bytes > this.#options.bytesMax) {
      if (this.#failure !== null) throw this.#failure
      if (signal.aborted) throw new StoppedError('The wait for room in the apply queue was given up.', { fields: { bytes } })
      await this.#change(signal)
    }
    this.#reserve(bytes)
  }

  /** After EndTxn(commit) was answered. @throws FatalError for a segment that does not begin where the last one ended */
  enqueue(segment: Segment): void {
    const { handle, view, from, to } = segment
    let lane = this.#lanes.get(handle)
    if (lane === undefined) {
      lane = { segments: [], end: view.marker.position, running: false, dropped: new AbortController() }
      this.#lanes.set(handle, lane)
    }
    if (from !== lane.end) {
      const fields = { ...handle.id, from, to, end: lane.end }
      throw new FatalError(`Defect in caudal: a segment from ${from} follows one to ${lane.end}, store ${handle.id.store}.`, {
        fields,
      })
    }
    lane.end = to
    lane.segments.push({ ...segment, since: this.#options.clock.monotonic() })
    if (!lane.running && this.#failure === null) this.#start(handle, lane)
  }

  /** Resolves when everything is applied, or nothing more will be because of `failure`. */
  async drained(): Promise<void> {
    while (this.#failure === null && [...this.#lanes.values()].some((lane) => lane.segments.length > 0)) await this.#change()
  }

  /** The store is given up: what is queued for it is dropped, and nobody waits for what is under way (P15). */
  release(handle: StoreHandle): void {
    const lane = this.#lanes.get(handle)
    if (lane === undefined) return
    this.#lanes.delete(handle)
    lane.dropped.abort()
    for (const { reserved } of lane.segments.splice(0)) this.#reserve(-reserved)
    this.#announce()
  }

  /** Drops everything, reservations too, and resolves when no chunk is under way; then it may be used anew, for other handles. */
  async discard(): Promise<void> {
    for (const handle of this.#lanes.keys()) this.release(handle)
    await Promise.all(this.#runs)
    this.#failure = null
    this.#reserve(-this.#reserved)
    this.#announce()
  }

  #start(handle: StoreHandle, lane: Lane): void {
    lane.running = true
    const run = this.#run(lane)
      .catch((error: unknown) => this.#fail(lane, error))
      .finally(() => {
        lane.running = false
        this.#options.onAway?.(handle.id, null)
        this.#runs.delete(run)
        this.#announce()
      })
    this.#runs.add(run)
  }

  async #run(lane: Lane): Promise<void> {
    for (let segment = lane.segments[0]; segment !== undefined; segment = lane.segments[0]) {
      const { view, handle, writes, reserved, since: currentAt } = segment
      const { signal } = lane.dropped
      const chunks = chunksOf(view.marker, { ...segment, currentAt })
      if (chunks.length === 0) await this.#reach(handle, () => handle.confirm(view.marker, currentAt), signal)
      for (const chunk of chunks) {
        view.sending(chunk.to)
        await this.#reach(handle, () => handle.apply(chunk), signal)
        // The view of a store that was given up may already belong to its next life.
        if (signal.aborted) return
        view.moved(chunk.to)
      }
      if (signal.aborted) return
      view.applied(writes)
      lane.segments.shift()
      this.#reserve(-reserved)
      this.#announce()
    }
  }

  /** The same call until its outcome is known: where an answer was lost, the repeat finds the chunk applied (P12). */
  async #reach(handle: StoreHandle, call: () => Promise<void>, dropped: AbortSignal): Promise<void> {
    const { clock, metrics, progress, onAway } = this.#options
    for (let attempt = 0; !dropped.aborted; attempt++) {
      progress()
      const begin = clock.monotonic()
      try {
        await call()
        if (attempt > 0) onAway?.(handle.id, null)
        metrics.observe('caudal_apply_duration_seconds', (clock.monotonic() - begin) / 1000)
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        metrics.add('caudal_apply_failures_total', 1, { store: handle.id.store })
        onAway?.(handle.id, error)
        await clock.sleep(Math.min(backOffMsMax, backOffMsMin * 2 ** attempt), dropped)
      }
    }
  }

  #fail(lane: Lane, error: unknown): void {
    if (lane.dropped.signal.aborted || this.#failure !== null) return
    const failure =
      error instanceof CaudalError
        ? error
        : new FatalError(`Applying changes to a store failed: ${String(error)}`, { cause: error })
    this.#failure = failure
    this.#options.onFailure?.(failure)
  }

  #reserve(bytes: number): void {
    this.#reserved += bytes
    this.#options.metrics.set('caudal_apply_queue_bytes', this.#reserved)
  }

  /** Resolves when something was applied, dropped or failed, or when `signal` is aborted. */
  async #change(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }

  #announce(): void {
    for (const wake of this.#waiters) wake()
  }
}
