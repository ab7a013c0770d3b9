/** The view where nobody watches a terminal: a line a second while there is work, rows as they are committed. */
import type { Clock } from '../clock.ts'
import type { Observation } from './observation.ts'
import type { Terminal } from './parts.ts'
import { count, rate, type ShownRow, tasksText, timeOfDay, type View } from './view.ts'

const lineEveryMs = 1_000
/** A start that waits for something says so now and then. */
const startingLineEveryMs = 5_000

export class PlainView implements View {
  readonly #terminal: Terminal
  readonly #clock: Clock
  #lastAt = -Infinity
  #last = ''

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal
    this.#clock = clock
  }

  /** At most once a second, and only what differs from the line before: a topology without work is silent. */
  show(observation: Observation): void {
    const text = plainLine(observation)
    const sinceMs = observation.at - this.#lastAt
    const isNews = text !== this.#last || observation.busy || (observation.state === 'starting' && sinceMs >= startingLineEveryMs)
    if (!isNews || sinceMs < lineEveryMs) return
    this.#lastAt = observation.at
    this.#last = text
    this.#line(text)
  }

  /** Each line has the time at which it was written; that of a row may lie weeks back. */
  rows(rows: readonly ShownRow[]): void {
    for (const { from, text } of rows) this.#line(`${from}: ${text}`)
  }

  note(line: string): void {
    this.#line(line)
  }

  close(): void {}

  #line(text: string): void {
    this.#terminal.write(`${timeOfDay(this.#clock.now())} ${text}\n`)
  }
}

function plainLine(observation: Observation): string {
  const { state, reasons, recordsIn, recordsOut, inPerSecond, outPerSecond, lag, batches } = observation
  const flow = `in ${count(recordsIn)} (${rate(inPerSecond)}) · out ${count(recordsOut)} (${rate(outPerSecond)})`
  const why = reasons.length > 0 ? ` · ${reasons.join('; ')}` : ''
  return `${state} · ${tasksText(observation)} · ${flow} · lag ${count(lag)} · batches ${count(batches)}${why}`
}
