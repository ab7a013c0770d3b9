/** The two protocols in which brokers run transactions: which one a cluster has, and how high it lets the versions of requests be. */
import type { AnswerOf, Api } from './messages.ts'

/**
 * - 2 (KIP-890): Produce and TxnOffsetCommit add what they write to; each EndTxn begins a new epoch, in which sequences restart at 0.
 * - 1: AddPartitionsToTxn and AddOffsetsToTxn go before them; epoch and sequences go on from one transaction to the next.
 */
export type TransactionProtocol = 1 | 2

const featureName = 'transaction.version'

/** What the whole cluster has agreed on, as one of its brokers says: a broker that is new is no proof that the others are. */
export function protocolOf(answer: AnswerOf<'ApiVersions'>): TransactionProtocol {
  const level = answer.finalizedFeatures.find(({ name }) => name === featureName)?.maxVersionLevel ?? 0
  return level >= 2 ? 2 : 1
}

/** A higher version of these would speak protocol 2, to any broker that knows it. */
const versionsMaxOf1: Readonly<Partial<Record<Api, number>>> = { Produce: 11, TxnOffsetCommit: 4, EndTxn: 4 }

/** For the wire: no version above this one; undefined where there is no bound. */
export function versionMaxOf(protocol: TransactionProtocol, api: Api): number | undefined {
  return protocol === 1 ? versionsMaxOf1[api] : undefined
}
