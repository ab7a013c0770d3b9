/** What the sides of the comparison read: made once for each run, and written for each side that reads it. */
import { bidOf, bidsSpanMs } from './bids.ts'
import { eventOf } from './events.ts'
import { type InputRecord, inputOf, type PartitionRecords } from './input.ts'
import { yahooEventOf, yahooSpanMs } from './yahoo-events.ts'

interface Kind {
  readonly recordOf: (n: number, start: number) => InputRecord
  /** How much event time so many records take, ms: the next run begins behind it, or its records would be late. 0: all runs are alike. */
  readonly spanMs: (count: number) => number
}

const alike = () => 0
const kinds = {
  events: { recordOf: (n, start) => eventOf(n, 1_000, start), spanMs: alike },
  manyKeys: { recordOf: (n, start) => eventOf(n, 1_000_000, start), spanMs: alike },
  yahooByUser: { recordOf: (n, start) => yahooEventOf(n, start, 'user'), spanMs: yahooSpanMs },
  yahooByCampaign: { recordOf: (n, start) => yahooEventOf(n, start, 'campaign'), spanMs: yahooSpanMs },
  bids: { recordOf: bidOf, spanMs: bidsSpanMs },
} satisfies Record<string, Kind>

export type InputKind = keyof typeof kinds

const dayMs = 86_400_000

export class Inputs {
  readonly #start = Date.now() - dayMs
  readonly #made = new Map<InputKind, { readonly run: number; readonly input: readonly PartitionRecords[] }>()

  /** `run` counts from 0. */
  of(kind: InputKind, count: number, run: number): readonly PartitionRecords[] {
    const { recordOf, spanMs } = kinds[kind]
    const made = this.#made.get(kind)
    if (made !== undefined && (made.run === run || spanMs(count) === 0)) return made.input
    const start = this.#start + run * spanMs(count)
    const input = inputOf(count, (n) => recordOf(n, start))
    this.#made.set(kind, { run, input })
    return input
  }
}
