/**
 * `npm run test:matrix`: conformance and kill tests on other versions and kinds of servers than those of `npm test`, one row of
 * test/matrix/rows.ts after the other, with a table in the end. `npm run test:matrix -- 3.7 protocol` runs the rows whose name contains that.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSandbox } from '../service/sandbox/sandbox.ts'
import { startRedis } from '../test/matrix/redis-kinds.ts'
import { type MatrixRow, matrixRows } from '../test/matrix/rows.ts'
import { securedKafka } from '../test/matrix/secured-kafka.ts'

interface Outcome {
  readonly name: string
  readonly passed: boolean
  /** The last line of the run: how many tests passed, failed and were skipped. */
  readonly summary: string
  readonly seconds: number
}

/** The servers of a row, and how the tests reach them. */
interface Servers {
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

async function startServers(row: MatrixRow): Promise<Servers> {
  const { kafkaVersion, kafkaProperties, kafkaFeatures } = row
  const progress = (line: string) => console.log(`   ${line}`)
  const directory = mkdtempSync(join(tmpdir(), 'caudal-matrix-'))
  const data = mkdtempSync(join(tmpdir(), 'caudal-matrix-redis-'))
  const redis = row.redis === undefined ? null : await startRedis(row.redis, data, { progress, signal: undefined })
  const stop = async () => {
    await redis?.stop()
    for (const path of [directory, data]) rmSync(path, { recursive: true, force: true })
  }
  try {
    const secured = row.kafkaSecurity === undefined ? null : securedKafka(directory)
    const own = { kafkaVersion, kafkaProperties, kafkaFeatures, redisUrl: redis?.url, ...secured?.sandbox }
    const sandbox = await startSandbox({ kind: 'processes', ...own, progress })
    return {
      environment: {
        CAUDAL_TEST_KAFKA: sandbox.kafkaBrokers.join(','),
        ...(sandbox.redisUrl === null ? {} : { CAUDAL_TEST_REDIS: sandbox.redisUrl }),
        ...redis?.environment,
        ...secured?.environment,
      },
      stop: async () => {
        await sandbox.stop()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Runs the row's files on servers of its own. */
async function run(row: MatrixRow): Promise<Outcome> {
  const { name, environment = {} } = row
  console.log(`\n== ${name}`)
  const begin = performance.now()
  const outcome = (passed: boolean, summary: string) => ({ name, passed, summary, seconds: (performance.now() - begin) / 1000 })
  try {
    const servers = await startServers(row)
    try {
      const { code, lastLine } = await testRun(row.files, {
        ...process.env,
        ...servers.environment,
        CAUDAL_REQUIRE_REAL: '1',
        ...environment,
      })
      return outcome(code === 0, lastLine)
    } finally {
      await servers.stop()
    }
  } catch (error) {
    return outcome(false, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
}

/** `npm test` with these files, its output passed on. */
function testRun(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | null; readonly lastLine: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'test.ts'), ...files], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let lastLine = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text)
    lastLine = text.trimEnd().split('\n').at(-1) ?? lastLine
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, lastLine }))
  })
}

const filters = process.argv.slice(2)
const rows = matrixRows.filter(({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
if (rows.length === 0) throw new RangeError(`no row has ${filters.join(' or ')} in its name`)
const outcomes: Outcome[] = []
for (const row of rows) outcomes.push(await run(row))
console.log('\n== matrix')
for (const { name, passed, summary, seconds } of outcomes)
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(32)} ${summary.padEnd(40)} ${seconds.toFixed(0).padStart(5)} s`)
if (outcomes.some(({ passed }) => !passed)) process.exitCode = 1
