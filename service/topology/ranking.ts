/** The order in which a top takes rows: as the user compares them, and by key bytes (unsigned) where that says nothing. */
import type { RankedRow } from '../codec/top.ts'
import { FatalError } from '../errors.ts'

export interface RankingParts {
  readonly name: string
  /** How many rows a top has at most; 1 or more. */
  readonly n: number
  /** As for Array.sort. */
  readonly compare: (a: unknown, b: unknown) => number
}

export class Ranking {
  readonly n: number
  readonly #name: string
  readonly #compare: (a: unknown, b: unknown) => number

  constructor({ name, n, compare }: RankingParts) {
    this.n = n
    this.#name = name
    this.#compare = compare
    Object.freeze(this)
  }

  /** Below 0 where `a` comes first. @throws FatalError where the function throws, or tells no order: there is no record to blame */
  readonly order = (a: RankedRow, b: RankedRow): number => {
    const order = this.#compared(a.value, b.value)
    if (order !== 0) return order
    if (a.key === b.key) return 0
    return a.key < b.key ? -1 : 1
  }

  /** Sorted. @throws as order */
  first(rows: readonly RankedRow[]): readonly RankedRow[] {
    return rows.toSorted(this.order).slice(0, this.n)
  }

  #compared(a: unknown, b: unknown): number {
    let order: unknown
    try {
      order = this.#compare(a, b)
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      throw this.#failure(`failed: ${reason}. Correct the function.`, error)
    }
    if (typeof order === 'number' && !Number.isNaN(order)) return order
    // Nobody waits for a promise, and it must not end the process as an unhandled rejection.
    if (order instanceof Promise) order.catch(() => {})
    const shown = typeof order === 'number' ? 'NaN' : order instanceof Promise ? 'a promise' : typeof order
    throw this.#failure(
      `returned ${shown} for two rows. Return a number, as for Array.sort: below 0 where the first comes first.`,
    )
  }

  #failure(what: string, cause?: unknown): FatalError {
    return new FatalError(`compare of top '${this.#name}' ${what}`, { cause, fields: { top: this.#name } })
  }
}
