/** Sends made-up purchases at a steady rate until it is stopped: the generator of `dev` and `feed`. */
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { DevKafka, KeyedText } from './dev-kafka.ts'
import { fastTime, fastTimeStart } from './fast-time.ts'
import { type Purchase, purchaseMaker, purchasesTopic } from './purchases.ts'

export interface FeederOptions {
  readonly kafka: Pick<DevKafka, 'append'>
  readonly clock: Clock
  /** The time of the purchases, ms since 1970. */
  readonly now: () => number
  readonly log: Log
  readonly seed: number
  readonly perSecond: number
}

const purchasesPerSecond = 200
/** With this one no purchase of the first hour is late. */
const purchasesSeed = 14
const tickMs = 50
/** What a pause (a broker that was away, a laptop that slept) may leave to be caught up with. */
const recordsPerTickMax = 1_000

/**
 * A feeder of the topic of purchases, and the time of the first one, ms since 1970. Where an earlier run has fed the topic, time goes on
 * from there: a topology that has seen it takes what is older for late.
 */
export async function openFeeder(options: {
  readonly kafka: Pick<DevKafka, 'append' | 'newestTimestamp'>
  readonly clock: Clock
  readonly log: Log
}): Promise<{ readonly feeder: Feeder; readonly from: number }> {
  const { kafka, clock } = options
  const from = Math.max(fastTimeStart(clock.now()), await kafka.newestTimestamp(purchasesTopic))
  const now = fastTime(clock, from)
  return { feeder: new Feeder({ ...options, now, seed: purchasesSeed, perSecond: purchasesPerSecond }), from }
}

export class Feeder {
  readonly #options: FeederOptions
  readonly #stop = new AbortController()
  #sent = 0
  #done: Promise<void> = Promise.resolve()

  constructor(options: FeederOptions) {
    this.#options = options
  }

  /** Purchases that the broker has acknowledged. */
  get sent(): number {
    return this.#sent
  }

  start(): void {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    const { kafka, clock, now: time, log, perSecond, seed } = this.#options
    const { signal } = this.#stop
    const next = purchaseMaker(seed)
    let last = clock.monotonic()
    let from = time()
    let owed = 0
    while (!signal.aborted) {
      const now = clock.monotonic()
      owed = Math.min(recordsPerTickMax, owed + ((now - last) * perSecond) / 1000)
      last = now
      const until = time()
      const records = recordsBetween({ from, until }, Math.floor(owed), next)
      from = until
      owed -= records.length
      try {
        this.#sent += await kafka.append(purchasesTopic, records)
      } catch (error) {
        log.warn(
          { error: error instanceof Error ? error.message : String(error) },
          'purchases could not be sent; the next ones are tried',
        )
      }
      await clock.sleep(tickMs, signal)
    }
  }
}

/** Told one after the other, at even distances: a pause leaves no hour out. */
function recordsBetween(
  { from, until }: { readonly from: number; readonly until: number },
  count: number,
  next: (now: number) => Purchase,
): readonly KeyedText[] {
  return Array.from({ length: count }, (_, index) => {
    const timestamp = Math.floor(from + ((until - from) * (index + 1)) / count)
    const purchase = next(timestamp)
    return { key: purchase.customer, value: JSON.stringify(purchase), timestamp }
  })
}
