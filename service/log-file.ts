/** Where log lines go. A log that cannot be written is no reason to stop working: what it doesn't take is left out, counted, and told later. */
import { mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes at least the beginning of the text. @returns how many bytes. @throws where nothing can be written */
export type WriteBytes = (bytes: Buffer) => number

// A pipe whose reader is slow gets a moment; what waits for it is the whole thread.
const fullPipeTries = 10
const fullPipeWaitMs = 10

/** Lines are written at once: few they are, and the last ones before an end are the ones that count. */
export class LogFile {
  readonly #write: WriteBytes
  #dropped = 0
  #cause = ''
  /** Whether a line was cut off in its middle. */
  #isTorn = false

  constructor(write: WriteBytes) {
    this.#write = write
  }

  /** Null: standard error. @throws where the file cannot be opened */
  static open(file: string | null): LogFile {
    if (file !== null) mkdirSync(dirname(file), { recursive: true })
    const descriptor = file === null ? 2 : openSync(file, 'a')
    return new LogFile((bytes) => writeSync(descriptor, bytes))
  }

  /** Never throws. */
  write(line: string): void {
    const text = `${this.#isTorn ? '\n' : ''}${this.#dropped > 0 ? this.#missing() : ''}${line}`
    const failure = this.#writeAll(Buffer.from(text))
    if (failure === null) {
      this.#dropped = 0
      this.#isTorn = false
      return
    }
    this.#dropped += 1
    this.#cause = failure
  }

  #missing(): string {
    const msg = `the log could not be written (${this.#cause}): lines are missing here`
    return `${JSON.stringify({ level: 'warn', missing: this.#dropped, msg })}\n`
  }

  /** Null when all is written, else why not. */
  #writeAll(bytes: Buffer): string | null {
    let [from, tries] = [0, 0]
    while (from < bytes.length) {
      try {
        from += this.#write(bytes.subarray(from))
        this.#isTorn ||= from < bytes.length
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException
        if (code !== 'EAGAIN' || ++tries === fullPipeTries) return code
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullPipeWaitMs)
      }
    }
    return null
  }
}
