/** Bids at auctions: a thousand auctions at a time, of which each is open for fifty seconds. */
import type { InputRecord } from './input.ts'

export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly at: number
}

/** Bids a millisecond of event time. */
const perMs = 10
const openAuctions = 1_000
/** Auctions open and close at this rate, so that sessions end all the time. */
const auctionsPerSecond = 20

/** Bid number `n` of those from `start` on, ms since 1970; keyed by auction. */
export function bidOf(n: number, start: number): InputRecord {
  const time = start + Math.floor(n / perMs)
  const oldest = Math.floor((n * auctionsPerSecond) / (1_000 * perMs))
  const auction = oldest + ((n * 7919) % openAuctions)
  const bid: Bid = { auction, bidder: (n * 31) % 10_000, price: 100 + (n % 9_900), channel: 'apple-store', at: time }
  // Auctions of one run are not those of another.
  return { key: `${start}-${auction}`, value: JSON.stringify(bid), time }
}

/** How much event time `count` bids take, ms. */
export const bidsSpanMs = (count: number): number => Math.ceil(count / perMs)
