/** A Redis of a test's own, to be killed, paused and emptied. */
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../service/clock.ts'
import { fetchRedis } from '../../service/sandbox/artifacts.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { GuardedProcesses } from '../../service/sandbox/guarded-processes.ts'
import { RedisProcess } from '../../service/sandbox/redis-process.ts'
import { isRunning, until } from './processes.ts'

const starting = { progress: () => {}, signal: undefined }

export class RedisServer {
  readonly #processes: GuardedProcesses
  readonly #redis: RedisProcess

  private constructor(processes: GuardedProcesses, redis: RedisProcess) {
    this.#processes = processes
    this.#redis = redis
  }

  /** @throws FatalError where there is no Redis for this machine */
  static async start(): Promise<RedisServer> {
    const binary = await fetchRedis(starting)
    const [port = 0] = await freePorts(1, systemClock)
    const processes = new GuardedProcesses(mkdtempSync(join(tmpdir(), 'caudal-test-redis-')))
    const redis = new RedisProcess(binary, port, processes, starting)
    await redis.start()
    return new RedisServer(processes, redis)
  }

  get url(): string {
    return this.#redis.url
  }

  /** SIGSTOP and SIGCONT hold it up, with its connections open. */
  signal(signal: NodeJS.Signals): void {
    this.#redis.kill(signal)
  }

  /** Ends it at once; what it held is gone. */
  async kill(): Promise<void> {
    const { pid } = this.#redis
    this.#redis.kill('SIGKILL')
    await until(() => !isRunning(pid), 'Redis has ended')
    rmSync(this.#data, { recursive: true })
  }

  /** Copies the files that it would start from, as they are now. */
  keepData(): void {
    rmSync(this.#kept, { recursive: true, force: true })
    cpSync(this.#data, this.#kept, { recursive: true })
  }

  /** On the same port, from the files that were kept; to be called when it was killed. */
  async startFromKept(): Promise<void> {
    renameSync(this.#kept, this.#data)
    await this.#redis.restart()
  }

  /** On the same port, empty. */
  async startAgain(): Promise<void> {
    await this.#redis.restart()
  }

  stop(): Promise<void> {
    return this.#processes.close()
  }

  get #data(): string {
    return join(this.#processes.directory, 'redis')
  }

  get #kept(): string {
    return join(this.#processes.directory, 'kept')
  }
}
