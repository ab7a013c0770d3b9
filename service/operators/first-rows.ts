/** The first rows of a task in the order of a top, kept up to date as rows change, without the others. */
import type { RankedRow } from '../codec/top.ts'
import type { Ranking } from '../topology/ranking.ts'

/** So many more than are asked for are kept, so that rows may get worse or go a while before all rows have to be looked at again. */
const spares = (n: number): number => n + 16

export class FirstRows {
  readonly #ranking: Ranking
  readonly #rowsMax: number
  /** In order. Null where they are not known. */
  #rows: RankedRow[] | null = null
  readonly #members = new Set<string>()
  /** Rows beside the ones kept come behind this one; undefined where there are none. */
  #boundary: RankedRow | undefined
  #isChanged = false

  constructor(ranking: Ranking) {
    this.#ranking = ranking
    this.#rowsMax = ranking.n + spares(ranking.n)
  }

  /** False where all rows have to be looked at: `begin`, then `take` for each. */
  get isKnown(): boolean {
    return this.#rows !== null
  }

  /** From here on it is told of every row. */
  begin(): void {
    this.#rows = []
    this.#members.clear()
    this.#boundary = undefined
    this.#isChanged = true
  }

  /** A row came or changed, or is gone (undefined). @throws as Ranking.order */
  take(key: string, row: RankedRow | undefined): void {
    const rows = this.#rows
    if (rows === null) return
    if (this.#members.delete(key)) this.#remove(key, rows)
    if (row !== undefined && (this.#boundary === undefined || this.#ranking.order(row, this.#boundary) <= 0))
      this.#insert(row, rows)
    if (rows.length < this.#ranking.n && this.#boundary !== undefined) this.#rows = null
  }

  /** The first rows, if they are not those of the last call. */
  changed(): readonly RankedRow[] | undefined {
    if (this.#rows === null || !this.#isChanged) return undefined
    this.#isChanged = false
    return this.#rows.slice(0, this.#ranking.n)
  }

  #remove(key: string, rows: RankedRow[]): void {
    const at = rows.findIndex((row) => row.key === key)
    rows.splice(at, 1)
    if (at < this.#ranking.n) this.#isChanged = true
  }

  #insert(row: RankedRow, rows: RankedRow[]): void {
    let [low, high] = [0, rows.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranking.order(rows[middle] ?? row, row) <= 0) low = middle + 1
      else high = middle
    }
    rows.splice(low, 0, row)
    this.#members.add(row.key)
    if (low < this.#ranking.n) this.#isChanged = true
    if (rows.length <= this.#rowsMax) return
    this.#boundary = rows.pop()
    if (this.#boundary !== undefined) this.#members.delete(this.#boundary.key)
  }
}
