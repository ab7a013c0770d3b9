/** A local Redis server as a plain process. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { GuardedProcess, GuardedProcesses } from './guarded-processes.ts'
import { answers, untilReady } from './readiness.ts'
import type { Starting } from './starting.ts'

const startTimeoutMs = 20_000

export class RedisProcess {
  readonly port: number
  readonly #binary: string
  readonly #processes: GuardedProcesses
  readonly #starting: Starting
  #process: GuardedProcess | null = null

  constructor(binary: string, port: number, processes: GuardedProcesses, starting: Starting) {
    this.#binary = binary
    this.port = port
    this.#processes = processes
    this.#starting = starting
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** −1 before the first start. */
  get pid(): number {
    return this.#process?.pid ?? -1
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#process?.kill(signal)
  }

  /** Ends what still runs and starts the server on the same port with the same data: of what was written, at most the last second is lost. */
  async restart(): Promise<void> {
    this.kill()
    await this.#process?.ended()
    await this.start()
  }

  async start(): Promise<void> {
    const directory = join(this.#processes.directory, 'redis')
    mkdirSync(directory, { recursive: true })
    const options = {
      port: this.port,
      bind: '127.0.0.1',
      dir: directory,
      save: '',
      appendonly: 'yes',
      'maxmemory-policy': 'noeviction',
    }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`])
    const server = await this.#processes.start(this.#binary, args, join(this.#processes.directory, 'redis.log'))
    this.#process = server
    await untilReady(server, {
      ...this.#starting,
      name: 'Redis',
      timeoutMs: startTimeoutMs,
      // Not PING: another sandbox's Redis on the same port would answer that.
      ready: () => answers(this.port, 'INFO server\r\n', `process_id:${server.pid}\r`),
    })
  }
}
