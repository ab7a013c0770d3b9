/** The trace of a schedule: numbered steps, readable, and a hash that two runs of one seed have in common. */
import { createHash } from 'node:crypto'

export class Trace {
  readonly lines: string[] = []
  readonly #now: () => number

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** One step of a process, a fault, or something that happens around them. */
  add(who: string, what: string): void {
    this.lines.push(`${String(this.lines.length).padStart(5)} ${this.#now().toFixed(0).padStart(7)} ms  ${who.padEnd(6)} ${what}`)
  }

  hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex')
  }
}
