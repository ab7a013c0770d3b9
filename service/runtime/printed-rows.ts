/** Rows of `print` sinks: collected while a batch runs, shown when it is committed. */
import type { FromWorker } from './seam.ts'

interface Rows {
  readonly sink: string
  readonly lines: readonly string[]
}

export class PrintedRows {
  readonly #post: (message: FromWorker) => void
  #rows: Rows[] = []

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  add(rows: Rows): void {
    this.#rows.push(rows)
  }

  /** The batch of `time` was committed. */
  flush(time: number): void {
    for (const rows of this.#rows.splice(0)) this.#post({ kind: 'rows', ...rows, time })
  }

  /** The batch was given up. */
  clear(): void {
    this.#rows = []
  }
}
