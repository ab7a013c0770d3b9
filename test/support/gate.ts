/** A gate in the code of a topology: a test closes it, and the worker that comes to it stands still in the middle of its batch. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const closed = 'closed'
const reached = 'reached'
const lookEveryMs = 10
const waitMsMax = 60_000

/** The test's side. The gate is a file, and open while there is none. */
export class Gate {
  readonly path: string

  constructor(name: string) {
    this.path = join(tmpdir(), `caudal-gate-${name}`)
  }

  close(): void {
    writeFileSync(this.path, closed)
  }

  open(): void {
    rmSync(this.path, { force: true })
  }

  /** Whether a worker stands at it. */
  get isReached(): boolean {
    return existsSync(this.path) && readFileSync(this.path, 'utf8') === reached
  }
}

/** The topology's side: passes at once while the gate is open, and otherwise blocks the thread until it is. */
export function passGate(path: string): void {
  if (!existsSync(path)) return
  writeFileSync(path, reached)
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  for (let waitedMs = 0; existsSync(path) && waitedMs < waitMsMax; waitedMs += lookEveryMs)
    Atomics.wait(sleeper, 0, 0, lookEveryMs)
}
