/**
 * `npm run test:matrix`: conformance and kill tests on other versions and kinds of servers than those of `npm test`, one row of
 * test/matrix/rows.ts after the other, with a table in the end. `npm run test:matrix -- 3.7 protocol` runs the rows whose name contains that.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { startSandbox } from '../service/sandbox/sandbox.ts'
import { type MatrixRow, matrixRows } from '../test/matrix/rows.ts'

interface Outcome {
  readonly name: string
  readonly passed: boolean
  /** The last line of the run: how many tests passed, failed and were skipped. */
  readonly summary: string
  readonly seconds: number
}

/** Runs the row's files on servers of its own. */
async function run(row: MatrixRow): Promise<Outcome> {
  const { name, kafkaVersion, kafkaProperties, kafkaFeatures, environment = {} } = row
  console.log(`\n== ${name}`)
  const begin = performance.now()
  const outcome = (passed: boolean, summary: string) => ({ name, passed, summary, seconds: (performance.now() - begin) / 1000 })
  try {
    const progress = (line: string) => console.log(`   ${line}`)
    const sandbox = await startSandbox({ kind: 'processes', kafkaVersion, kafkaProperties, kafkaFeatures, progress })
    try {
      const redis = sandbox.redisUrl === null ? {} : { CAUDAL_TEST_REDIS: sandbox.redisUrl }
      const servers = { CAUDAL_TEST_KAFKA: sandbox.kafkaBrokers.join(','), ...redis }
      const { code, lastLine } = await testRun(row.files, {
        ...process.env,
        ...servers,
        CAUDAL_REQUIRE_REAL: '1',
        ...environment,
      })
      return outcome(code === 0, lastLine)
    } finally {
      await sandbox.stop()
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
