/** The owner's side of the guardian: processes that end with this one, whatever happens to it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FatalError } from '../errors.ts'

/** Starts a process whose output is appended to the file `log`. */
export interface ToGuardian {
  readonly id: number
  readonly command: string
  readonly args: readonly string[]
  readonly log: string
}

export type FromGuardian =
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  /** `how` is a signal, an exit code or the reason why it could not be started. */
  | { readonly kind: 'exited'; readonly id: number; readonly how: string }

export interface GuardedProcess {
  readonly pid: number
  readonly log: string
  /** How it ended; null while it runs. */
  readonly end: string | null
  /** Resolves with how it ended; never rejects. */
  ended(): Promise<string>
  kill(signal: NodeJS.Signals): void
}

interface Entry {
  readonly process: GuardedProcess & { pid: number; end: string | null }
  readonly started: PromiseWithResolvers<GuardedProcess>
  readonly exited: PromiseWithResolvers<string>
}

/** One guardian and its processes. While nothing is awaited from it, it doesn't keep its owner alive. */
export class GuardedProcesses {
  readonly directory: string
  readonly #guardian: ChildProcess
  readonly #entries: Entry[] = []
  readonly #gone = Promise.withResolvers<void>()
  #awaited = 0

  /** `directory` is removed when the guardian ends. */
  constructor(directory: string) {
    this.directory = directory
    // A session of its own: a signal to the terminal's process group doesn't reach the servers before their owner has stopped using them.
    this.#guardian = spawn(process.execPath, [join(import.meta.dirname, 'guardian.ts'), directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    })
    this.#guardian.once('error', (error) => this.#lost(error.message))
    this.#guardian.once('exit', () => this.#lost('its guardian ended'))
    this.#guardian.stdin?.on('error', () => this.#lost('its guardian ended'))
    if (this.#guardian.stdout) createInterface({ input: this.#guardian.stdout }).on('line', (line) => this.#told(line))
    for (const part of this.#parts()) part.unref()
  }

  /** Resolves when the process exists. @throws FatalError when it can't be started */
  async start(command: string, args: readonly string[], log: string): Promise<GuardedProcess> {
    const exited = Promise.withResolvers<string>()
    const started = Promise.withResolvers<GuardedProcess>()
    const child = {
      pid: -1,
      log,
      end: null as string | null,
      ended: () => this.#awaiting(exited.promise),
      kill: (signal: NodeJS.Signals) => {
        if (child.end !== null) return
        try {
          process.kill(child.pid, signal)
        } catch (error) {
          // It has just ended, and the guardian has not said so yet.
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
        }
      },
    }
    const message: ToGuardian = { id: this.#entries.length, command, args, log }
    this.#entries.push({ process: child, started, exited })
    this.#guardian.stdin?.write(`${JSON.stringify(message)}\n`)
    return this.#awaiting(started.promise)
  }

  /** Ends all processes at once (SIGKILL) and removes the directory. */
  async close(): Promise<void> {
    this.#guardian.stdin?.end()
    await this.#awaiting(this.#gone.promise)
  }

  #told(line: string): void {
    const message = JSON.parse(line) as FromGuardian
    const entry = this.#entries[message.id]
    if (!entry) return
    if (message.kind === 'exited') this.#ended(entry, message.how)
    else {
      entry.process.pid = message.pid
      entry.started.resolve(entry.process)
    }
  }

  #ended(entry: Entry, how: string): void {
    entry.process.end = how
    entry.started.reject(
      new FatalError(`a process of the sandbox could not be started: ${how}`, { fields: { log: entry.process.log } }),
    )
    entry.exited.resolve(how)
  }

  /** A guardian that somebody killed leaves its processes behind: then they are ended from here. */
  #lost(reason: string): void {
    for (const entry of this.#entries) {
      if (entry.process.end !== null) continue
      try {
        if (entry.process.pid > 0) process.kill(entry.process.pid, 'SIGKILL')
      } catch (ignored) {
        // It is gone already, which is what was wanted.
      }
      this.#ended(entry, reason)
    }
    this.#gone.resolve()
  }

  /** Keeps this process alive for as long as something is awaited from the guardian, and no longer. */
  async #awaiting<T>(promise: Promise<T>): Promise<T> {
    if (this.#awaited++ === 0) for (const part of this.#parts()) part.ref()
    try {
      return await promise
    } finally {
      if (--this.#awaited === 0) for (const part of this.#parts()) part.unref()
    }
  }

  /** In a child process both pipes are sockets, which the types of `spawn` don't say. */
  #parts(): readonly { ref(): unknown; unref(): unknown }[] {
    return [this.#guardian, this.#guardian.stdin as Socket, this.#guardian.stdout as Socket]
  }
}

/** The last lines of a log file, for an error message; a sentence where there is no such file. */
export function logTail(file: string, lines = 20): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch (ignored) {
    return `(there is no log at ${file})`
  }
}
