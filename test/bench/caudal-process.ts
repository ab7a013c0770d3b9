/** A topology in a process of its own, by the command that a user runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface CaudalOptions {
  readonly brokers: readonly string[]
  readonly exportName: string
  /** Configuration keys as flags. */
  readonly flags?: Readonly<Record<string, string>>
  /** Of Node. */
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const main = fileURLToPath(new URL('../../service/main.ts', import.meta.url))
const topologies = fileURLToPath(new URL('topologies.ts', import.meta.url))

export class CaudalProcess {
  readonly pid: number
  readonly #child: ChildProcess

  constructor({ brokers, exportName, flags = {}, execArgv = [], env = {} }: CaudalOptions) {
    const given = { 'kafka-brokers': brokers.join(','), 'http-port': '0', 'log-level': 'error', ...flags }
    const words = Object.entries({ ...given, export: exportName }).flatMap(([name, value]) => [`--${name}`, value])
    this.#child = spawn(process.execPath, [...execArgv, main, 'run', topologies, ...words], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...env },
    })
    this.pid = this.#child.pid ?? -1
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** SIGKILL; returns at once. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** SIGTERM; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.ended) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exit
  }
}
