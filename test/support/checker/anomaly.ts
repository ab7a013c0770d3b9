/** What can be wrong with a history. */

/**
 * lost: input or output that is not there. duplicated: there more often than it should. reordered: there, in another order. aborted-read: a
 * reader, or Redis, had what was never committed. torn-transaction: outputs, state and offsets of one transaction are not all there.
 * hanging-transaction: a read_committed reader does not come to the end of a log at rest. non-monotonic-commit: a committed position went
 * back. stale-state: a state, or a row made of it, is older than it should be. phantom-key: nothing that was sent explains it.
 */
export const anomalyKinds = [
  'lost',
  'duplicated',
  'reordered',
  'aborted-read',
  'torn-transaction',
  'hanging-transaction',
  'non-monotonic-commit',
  'stale-state',
  'phantom-key',
] as const
export type AnomalyKind = (typeof anomalyKinds)[number]

export interface Anomaly {
  readonly kind: AnomalyKind
  /** Topic, store or Redis key, with the partition. */
  readonly where: string
  /** A sentence for people. */
  readonly what: string
}

/** The part of a log, for messages and for grouping. */
export const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`
