/** A real schema registry, Apicurio's with Confluent's API, of a test's own; fetched once by Maven. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../service/clock.ts'
import { cacheDirectory, fetchOnce, missingForKafka } from '../../service/sandbox/artifacts.ts'
import { findCommand } from '../../service/sandbox/commands.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { type GuardedProcess, GuardedProcesses } from '../../service/sandbox/guarded-processes.ts'
import { type Artifact, copyArtifact } from '../../service/sandbox/maven.ts'
import { untilReady } from '../../service/sandbox/readiness.ts'

/** The newest that runs on Java 17, which Kafka needs too. */
const version = '2.6.13.Final'
const artifact: Artifact = ['io.apicurio', 'apicurio-registry-app', version, 'tar.gz', 'all']
const starting = { progress: () => {}, signal: undefined }
const directory = () => join(cacheDirectory(), `apicurio-registry-${version}`)

/** Why there is no registry for tests; false where there is one. */
export const noApicurio: string | false =
  missingForKafka() ??
  (!existsSync(directory()) && findCommand('mvn') === null && 'there is no Maven on this machine to fetch Apicurio with')

async function unpack(into: string): Promise<void> {
  await copyArtifact(artifact, into, starting)
  const archive = join(into, `apicurio-registry-app-${version}-all.tar.gz`)
  const { status, stderr } = spawnSync('tar', ['-xzf', archive, '-C', into], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`Apicurio could not be unpacked: ${stderr}`)
  rmSync(archive)
}

export class Apicurio {
  readonly #processes: GuardedProcesses
  readonly #jar: string
  readonly #port: number
  #process: GuardedProcess | null = null

  private constructor(processes: GuardedProcesses, jar: string, port: number) {
    this.#processes = processes
    this.#jar = jar
    this.#port = port
  }

  static async start(): Promise<Apicurio> {
    const home = await fetchOnce(directory(), `Apicurio ${version}`, starting, unpack)
    const jar = readdirSync(home).find((name) => name.endsWith('-runner.jar'))
    if (jar === undefined) throw new Error(`there is no runner in ${home}`)
    const [port = 0] = await freePorts(1, systemClock)
    const registry = new Apicurio(
      new GuardedProcesses(mkdtempSync(join(tmpdir(), 'caudal-test-registry-'))),
      join(home, jar),
      port,
    )
    await registry.#run()
    return registry
  }

  /** Of the API that is Confluent's. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/apis/ccompat/v7`
  }

  /** The id of the new version of the subject. @throws where the registry refuses it */
  async register(subject: string, schema: { readonly schema: string; readonly schemaType?: string }): Promise<number> {
    const { id } = (await this.#send('POST', `/subjects/${subject}/versions`, schema)) as { readonly id: number }
    return id
  }

  /** What new versions of the subject must be. */
  async compatible(subject: string, compatibility: 'BACKWARD' | 'NONE'): Promise<void> {
    await this.#send('PUT', `/config/${subject}`, { compatibility })
  }

  /** Ends it at once: what it held is gone. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.#process?.ended()
  }

  stop(): Promise<void> {
    return this.#processes.close()
  }

  async #run(): Promise<void> {
    const options = [`-Dquarkus.http.port=${this.#port}`, '-Dquarkus.http.host=127.0.0.1']
    const modest = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
    const log = join(this.#processes.directory, 'registry.log')
    const server = await this.#processes.start(findCommand('java') ?? 'java', [...modest, ...options, '-jar', this.#jar], log)
    this.#process = server
    const ready = () =>
      fetch(`${this.url}/subjects`).then(
        ({ ok }) => ok,
        () => false,
      )
    await untilReady(server, { ...starting, name: 'Apicurio', timeoutMs: 60_000, ready })
  }

  async #send(method: 'POST' | 'PUT', path: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const response = await fetch(`${this.url}${path}`, { method, headers, body: JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status}: ${text}`)
    return JSON.parse(text)
  }
}
