/** What a topology that is simulated has to say of itself, and what their checks have in common. */
import type { Topology } from '../../service/index.ts'

export interface InputRecord {
  readonly topic: string
  readonly key: string
  readonly value: unknown
  /** What is written, where it is not the value as JSON. */
  readonly text?: string
}

/** A committed record, decoded. */
export interface OutputRecord {
  readonly key: string
  readonly value: unknown
}

/** Committed records of an output topic, by key, in their order. */
export type Outputs = (topic: string) => ReadonlyMap<string, readonly OutputRecord[]>

/** The records of a topic: those of each partition, in their order. */
export type Inputs = (topic: string) => readonly (readonly OutputRecord[])[]

export interface SimulatedTopology {
  readonly name: string
  readonly topology: Topology
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Whether every task has a store: only then the offsets may be lost without a trace (P10). */
  readonly survivesLostOffsets: boolean
  /** The n-th record of a key, from 1. */
  readonly record: (key: string, n: number) => InputRecord
  /**
   * Checks everything that was committed against `last`, which has of each key the number of its last record, and the input topics, by
   * partition.
   */
  readonly check: (outputs: Outputs, last: ReadonlyMap<string, number>, inputs: Inputs) => void
}

export interface Numbered {
  readonly n: number
}
export interface Timed extends Numbered {
  readonly key: string
}

export const triangle = (n: number): number => (n * (n + 1)) / 2
export const valuesOf = <T>(records: readonly OutputRecord[] | undefined): readonly T[] =>
  (records ?? []).map(({ value }) => value as T)
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)
/** Keys that begin with the same letter are of one group. */
export const groupOf = (key: string): string => key.slice(0, 1)
