/** The view on a terminal: draws its frame over the one before; notes scroll by above it. */
import type { Clock } from '../clock.ts'
import { frame } from './frame.ts'
import type { Observation } from './observation.ts'
import type { Terminal } from './parts.ts'
import type { Caption, ShownRow, View } from './view.ts'

const hideCursor = '\u001b[?25l'
export const showCursor = '\u001b[?25h'
const clearBelow = '\u001b[0J'
const up = (lines: number) => (lines === 0 ? '' : `\u001b[${lines}A`)

const rowsKept = 10
/** Lines of a frame that are not rows: title, figures, pointers, with some air. */
const linesAround = 18

export class LiveView implements View {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #caption: Caption
  readonly #since: number
  #rows: readonly ShownRow[] = []
  #observation: Observation | undefined
  #height = 0

  constructor(terminal: Terminal, clock: Clock, caption: Caption) {
    this.#terminal = terminal
    this.#clock = clock
    this.#caption = caption
    this.#since = clock.monotonic()
    terminal.write(hideCursor)
  }

  show(observation: Observation): void {
    this.#observation = observation
    this.#draw('')
  }

  rows(rows: readonly ShownRow[]): void {
    this.#rows = [...this.#rows, ...rows].slice(-rowsKept)
  }

  note(line: string): void {
    this.#draw(`${line}\n`)
  }

  close(): void {
    this.#draw('')
    this.#terminal.write(showCursor)
  }

  #draw(above: string): void {
    const lines = frame({
      caption: this.#caption,
      observation: this.#observation,
      rows: this.#rows,
      elapsedMs: this.#clock.monotonic() - this.#since,
      columns: this.#terminal.columns(),
      rowsMax: Math.min(rowsKept, this.#terminal.rows() - linesAround),
    })
    this.#terminal.write(`${up(this.#height)}\r${clearBelow}${above}${lines.join('\n')}\n`)
    this.#height = lines.length
  }
}
