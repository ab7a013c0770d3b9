/** What the commands need of the world: chosen by the composition root, `main.ts`, and by tests. */
import type { Clock } from '../clock.ts'
import type { Configuration } from '../config.ts'
import type { Topology } from '../dsl/topology.ts'
import type { HttpServer, HttpServerOptions } from '../http/http-server.ts'
import type { Log } from '../log.ts'
import type { StartSupervisor, WireFactory } from '../runtime/running.ts'
import type { TestDriver, TestDriverOptions } from '../runtime/test-driver.ts'
import type { Sandbox, SandboxOptions } from '../sandbox/sandbox.ts'

/** The terminal, or what stands in its place. */
export interface Terminal {
  /** True where somebody watches: lines may be drawn over. */
  readonly interactive: boolean
  columns(): number
  rows(): number
  /** Standard output, as it is. */
  write(text: string): void
  /** A line on standard error. */
  complain(line: string): void
}

export interface Parts {
  readonly clock: Clock
  /** The directory that relative names are relative to. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  readonly version: string
  /** Calls `handler` at each SIGINT and SIGTERM, until the function that it returns is called. */
  onSignal(handler: () => void): () => void
  /** Ends the process at once: what is left under way dies with it. */
  exit(code: number): void
  /** All of standard input, to its end. */
  readStandardInput(): Promise<string>
  /** Writes to standard output; resolves when whoever reads it has taken all: the process may end then. */
  deliver(text: string): Promise<void>
  openLog(configuration: Configuration): Log
  loadTopology(url: URL, exportName: string): Promise<Topology>
  readonly startSupervisor: StartSupervisor
  openTestDriver(topology: Topology, options: TestDriverOptions): Promise<TestDriver>
  startHttpServer(options: HttpServerOptions): Promise<HttpServer>
  startSandbox(options: SandboxOptions): Promise<Sandbox>
  /** Connections to the brokers of the configuration. */
  kafkaWires(configuration: Configuration, log: Log): Promise<WireFactory>
  /** A Kafka inside this process, empty. */
  memoryWires(): Promise<WireFactory>
}
