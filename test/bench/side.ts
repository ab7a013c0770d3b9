/** What the sides of the comparison have in common, and what their processes and the one that measures say to each other. */
import type { Ends } from './bench-cluster.ts'

/** A side that is open and idle: whatever becomes visible in its topic it takes. */
export interface Side {
  /** Resolves when everything before `ends` is done, committed where there is something to commit. */
  finish(ends: Ends): Promise<void>
  close(): Promise<void>
}

export interface SideOptions {
  readonly brokers: readonly string[]
  /** Null: state is in memory. */
  readonly redisUrl: string | null
  /** Reads `<topic>-in`. */
  readonly topic: string
  /** The name of the keyBy that the topology has, if it has one. */
  readonly repartition: string | null
}

/** What a side can be asked to be: our fetch alone, a topology of `topologies.ts` or `window-topologies.ts`, or its twin by hand. */
export type SideKind = 'decode' | 'parse' | 'topology' | 'windows' | 'kafkajsCount' | 'kafkajsPass'

export type ToSide = { readonly kind: 'run'; readonly ends: Ends } | { readonly kind: 'close' }
export type FromSide =
  | { readonly kind: 'open' }
  /** It measures from now on: the input may become visible. */
  | { readonly kind: 'armed' }
  | { readonly kind: 'done'; readonly run: SideRun }

export interface SideRun {
  /** From being armed to the commit that covers the last record. */
  readonly seconds: number
  /** Of all threads of the process, user and system. */
  readonly cpuSeconds: number
  /** The most that was resident at any time since the process began. */
  readonly peakBytes: number
}
