/** `caudal run` in a process of its own, as a test starts, watches, kills and stops it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { HealthReport } from '../../service/http/health.ts'
import { workerLogins } from './logins.ts'
import { slowness } from './slowness.ts'

export interface WorkerOptions {
  /** A file in `topologies/` beside this one, or any by its whole path. */
  readonly topology: string
  /** What the topology's file reads from its environment, such as the prefix of its topics. */
  readonly environment: Readonly<Record<string, string>>
  /** Flags, by name without the dashes. */
  readonly flags: Readonly<Record<string, string | number>>
  /** What runs it: a command that becomes the one that is given behind it, such as one that sets limits. */
  readonly command?: readonly string[]
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What one worker shows on the status page. */
export interface ShownWorker {
  readonly generation: number
  readonly member: string
  readonly tasks: number
  /** Of the tasks, those that are not being restored. */
  readonly running: number
}

const main = join(import.meta.dirname, '../../service/main.ts')
const keptCharacters = 200_000

// A test that breaks off leaves no worker behind.
const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export class WorkerProcess {
  readonly #options: WorkerOptions
  #child: ChildProcess | null = null
  #ended: Promise<Ending> = Promise.resolve({ code: null, signal: null })
  #ending: Ending | null = null
  #isAskedToEnd = false
  /** What it wrote, of a restarted one since its last start. */
  output = ''
  /** What it logged and complained, its predecessors' words included. */
  errors = ''

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  /** Starts it, or starts it again after it has ended. */
  start(): this {
    const { topology, environment, flags, command = [] } = this.#options
    const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, `${value}`])
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CAUDAL_') && name !== 'NODE_TEST_CONTEXT')
    const run = [main, 'run', resolve(import.meta.dirname, 'topologies', topology), '--http-port', '0', ...given]
    const [first = process.execPath, ...rest] = [...command, process.execPath, ...run]
    const env = { ...Object.fromEntries(own), ...workerLogins(flags['redis-url']), ...environment }
    const child = spawn(first, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    alive.add(child)
    this.#child = child
    this.#ending = null
    this.#isAskedToEnd = false
    this.output = ''
    child.stdout.on('data', (bytes: Buffer) => (this.output = (this.output + bytes.toString()).slice(-keptCharacters)))
    child.stderr.on('data', (bytes: Buffer) => (this.errors = (this.errors + bytes.toString()).slice(-keptCharacters)))
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        alive.delete(child)
        this.#ending = { code, signal }
        resolve(this.#ending)
      })
    })
    return this
  }

  /** Resolves when it has ended and all that it said was read. */
  ended(): Promise<Ending> {
    return this.#ended
  }

  /** Null while it runs. */
  get ending(): Ending | null {
    return this.#ending
  }

  /** Whether it was started and has not ended since. */
  get isAlive(): boolean {
    return this.#child !== null && this.#ending === null
  }

  /** Whether it has ended without being asked to, or killed. */
  get isFallen(): boolean {
    return this.#ending !== null && !this.#isAskedToEnd
  }

  /** Until its next start its end is no surprise, be it still to come or not. */
  mayEnd(): void {
    this.#isAskedToEnd = true
  }

  /** @throws Error with the end of its log where it has ended by itself */
  signal(signal: NodeJS.Signals): void {
    if (this.#ending !== null) throw new Error(`it has ended by itself (${JSON.stringify(this.#ending)}):\n${this.tail()}`)
    this.#child?.kill(signal)
  }

  /** The most memory that it had so far, bytes; NaN where the system doesn't tell. */
  get residentBytesMax(): number {
    const status = `/proc/${this.#child?.pid}/status`
    return existsSync(status) ? Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]) * 1024 : Number.NaN
  }

  /** Nobody reads any more what it logs. */
  closeLog(): void {
    this.#child?.stderr?.destroy()
  }

  /** SIGKILL, awaited. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    this.#isAskedToEnd = true
    await this.#ended
  }

  /** A signal that asks for the end, awaited. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<Ending> {
    this.signal(signal)
    this.#isAskedToEnd = true
    return this.#ended
  }

  /** For the end of a test: nothing is left, however it is. */
  async end(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** The workers in the group, as the status page shows them; none while there is no answer. */
  async shown(): Promise<readonly ShownWorker[]> {
    const page = await this.#page('/')
    const lines = page.matchAll(/^worker \d+: generation (\d+), member (\S+), \w+, (\d+) tasks(.*)$/gm)
    return [...lines].map(([, generation, member = '', tasks, list = '']) => ({
      generation: Number(generation),
      member,
      tasks: Number(tasks),
      running: Number(tasks) - list.split(' (').length + 1,
    }))
  }

  /** Of its pages, without a slash at its end; empty until it has said it. */
  get url(): string {
    return /status: (\S+)\/$/m.exec(this.output)?.[1] ?? ''
  }

  /** Its metrics, as Prometheus gets them. */
  metrics(): Promise<string> {
    return this.#page('/metrics')
  }

  /** What it waits for; null while there is no answer. */
  async health(): Promise<HealthReport | null> {
    const page = await this.#page('/health')
    return page === '' ? null : (JSON.parse(page) as HealthReport)
  }

  async #page(path: string): Promise<string> {
    const { url } = this
    if (url === '') return ''
    try {
      return await (await fetch(url + path, { signal: AbortSignal.timeout(2_000 * slowness()) })).text()
    } catch (ignored) {
      // It has just ended, or is held up.
      return ''
    }
  }

  /** How many tasks its workers run. */
  async tasksRunning(): Promise<number> {
    return (await this.shown()).reduce((sum, { running }) => sum + running, 0)
  }

  /** The end of what it logged, for messages. */
  tail(lines = 40): string {
    return this.errors.trimEnd().split('\n').slice(-lines).join('\n')
  }
}
