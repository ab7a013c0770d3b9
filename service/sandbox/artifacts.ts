/** What the sandbox runs, fetched once by Maven into a cache: Kafka's libraries, its tools, a static Redis server. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { FatalError } from '../errors.ts'
import { findCommand } from './commands.ts'
import { type Artifact, copyArtifact, copyWithDependencies } from './maven.ts'
import type { Starting } from './starting.ts'
import { zipEntry } from './zip-entry.ts'

/** The Kafka that a sandbox runs unless another one is asked for, and that the containers are of. */
export const kafkaVersion = '4.3.1'
const javaVersionMin = 17
/** Without the logger the broker runs, but says nothing: neither that it is up nor why it isn't. */
const kafkaArtifacts = (version: string): readonly Artifact[] => [
  ['org.apache.kafka', 'kafka_2.13', version],
  ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4'],
]
const redisJar = {
  version: '0.9.1',
  server: 'redis-server-7.0.15',
  sha256: 'c01fe66ecf3b9d3161958e9a0e721aaf74ce98a909faca103fc8d09ff7617827',
}

/** Where fetched things are kept: `CAUDAL_CACHE`, or `.cache/` of the project. */
export const cacheDirectory = (): string => resolve(process.env.CAUDAL_CACHE ?? join(import.meta.dirname, '../../.cache'))

const kafkaDirectory = (version: string) => join(cacheDirectory(), `kafka-${version}`)

/** What real Kafka lacks on this machine, as a reason for people; null where it will run. */
export function missingForKafka(kafka = kafkaVersion): string | null {
  const java = findCommand('java')
  if (java === null) return `there is no Java on this machine (version ${javaVersionMin} or newer is needed)`
  const version = javaVersion(java)
  if (version < javaVersionMin) return `the Java at ${java} is of version ${version} (${javaVersionMin} or newer is needed)`
  if (!existsSync(kafkaDirectory(kafka)) && findCommand('mvn') === null)
    return 'there is no Maven on this machine to fetch Kafka with'
  return null
}

/** The first number of `17.0.15`, or of `1.8.0` the second; NaN where the command says something else. */
function javaVersion(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 20_000 })
  return Number(/version "(?:1\.)?(\d+)/.exec(stderr)?.[1])
}

/** A directory with the jars of a Kafka broker and a logger. @throws FatalError when Maven can't fetch them */
export const fetchKafka = (starting: Starting, version = kafkaVersion): Promise<string> =>
  fetchOnce(kafkaDirectory(version), `Kafka ${version} (44 MB)`, starting, (directory) =>
    copyWithDependencies(kafkaArtifacts(version), directory, starting),
  )

/** A directory with the jar of Kafka's command line tools, which runs with the broker's jars beside it on the class path. */
export const fetchKafkaTools = (starting: Starting): Promise<string> =>
  fetchOnce(join(cacheDirectory(), `kafka-tools-${kafkaVersion}`), `Kafka's tools ${kafkaVersion}`, starting, (directory) =>
    copyArtifact(['org.apache.kafka', 'kafka-tools', kafkaVersion], directory, starting),
  )

/** Path of a redis-server: on the PATH, or the static one, fetched. @throws FatalError when there is none for this machine */
export async function fetchRedis(starting: Starting): Promise<string> {
  const installed = findCommand('redis-server')
  if (installed !== null) return installed
  const directory = await fetchOnce(
    join(cacheDirectory(), `embedded-redis-${redisJar.version}`),
    'Redis 7.0.15 (11 MB)',
    starting,
    unpackRedis(starting),
  )
  return join(directory, 'redis-server')
}

const unpackRedis = (starting: Starting) => async (directory: string) => {
  await copyArtifact(['org.signal', 'embedded-redis', redisJar.version], directory, starting)
  const file = join(directory, `embedded-redis-${redisJar.version}.jar`)
  const jar = readFileSync(file)
  const sha256 = createHash('sha256').update(jar).digest('hex')
  if (sha256 !== redisJar.sha256) throw new FatalError(`the fetched Redis is not the expected one: its SHA-256 is ${sha256}`)
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const server = join(directory, 'redis-server')
  writeFileSync(server, zipEntry(jar, `${redisJar.server}-${process.platform}-${architecture}`))
  chmodSync(server, 0o755)
  rmSync(file)
}

/**
 * Fills a directory beside the final one and renames it: whoever sees the directory sees all of it, and of several processes that fetch
 * at the same time the first wins.
 */
export async function fetchOnce(
  directory: string,
  what: string,
  { progress }: Starting,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  if (existsSync(directory)) return directory
  const begin = systemClock.monotonic()
  progress(`downloading ${what}, once`)
  mkdirSync(cacheDirectory(), { recursive: true })
  const unfinished = mkdtempSync(`${directory}.`)
  try {
    await fill(unfinished)
    if (!existsSync(directory)) renameSync(unfinished, directory)
  } catch (error) {
    if (!existsSync(directory)) throw error
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  progress(`downloaded ${what} in ${((systemClock.monotonic() - begin) / 1000).toFixed(1)} s`)
  return directory
}
