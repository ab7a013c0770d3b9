/** `print`: the first rows of each batch as lines, for whoever has a terminal. */
import { inspect } from 'node:util'
import type { Push } from '../source/push.ts'
import type { Value } from '../topology/node.ts'

/** What one print sink of one task shows of a batch; `time`: wall clock at the cut, ms. */
export interface PrintedBatch {
  readonly sink: string
  readonly lines: readonly string[]
  readonly time: number
}

export class PrintSink {
  readonly #sink: string
  readonly #rowsMax: number
  readonly #deliver: (printed: PrintedBatch) => void
  #lines: string[] = []
  #time = 0

  constructor(
    sink: string,
    { rowsMax, deliver }: { readonly rowsMax: number; readonly deliver: (printed: PrintedBatch) => void },
  ) {
    this.#sink = sink
    this.#rowsMax = rowsMax
    this.#deliver = deliver
  }

  begin(time: number): void {
    this.#lines = []
    this.#time = time
  }

  readonly push: Push = (value, record) => {
    if (this.#lines.length >= this.#rowsMax) return
    const shown = lineOf(value)
    this.#lines.push(record.hasKey ? `${lineOf(record.key)}: ${shown}` : shown)
  }

  /** Delivers the rows of the batch, if there were any. */
  end(): void {
    if (this.#lines.length > 0) this.#deliver({ sink: this.#sink, lines: this.#lines, time: this.#time })
    this.#lines = []
  }
}

/** A value on one line: text as it is, everything else as in Node's console. */
const lineOf = (value: Value): string =>
  typeof value === 'string' ? value : inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true })

/** The header under which the rows of a batch stand, as in Spark's pprint. */
export function timeHeader(time: number): readonly string[] {
  const rule = '-'.repeat(43)
  return [rule, `Time: ${new Date(time).toISOString()}`, rule]
}
