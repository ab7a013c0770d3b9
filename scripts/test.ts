/**
 * `npm test`: all tests in phases, from fast to slow, with one summary in the end. `npm test -- unit` or `npm test -- integration/kill`
 * runs the files whose path contains that. The phases on real servers share one sandbox and get its addresses as CAUDAL_TEST_KAFKA and
 * CAUDAL_TEST_REDIS; a conformance file runs its suite on the memory adapter without them, and on the real one with them.
 * `npm run test:chaos` (CAUDAL_CHAOS=long) runs the chaos tests alone, in their long form, with those files that have no short one
 * (`*.long.test.ts`); their results are a table in the end.
 * CAUDAL_TEST_KAFKA_VERSION=3.9.1: the Kafka of that sandbox, in place of the newest.
 * CAUDAL_REQUIRE_REAL=1: what would be skipped for want of a real server fails; for want of Docker, Prometheus, libfaketime or a
 * small disk (which takes root), which one file each needs, it is told. Not here: test/bench, `npm run test:matrix`, and `npm run check`.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingForKafka } from '../service/sandbox/artifacts.ts'
import { type Sandbox, startSandbox } from '../service/sandbox/sandbox.ts'
import type { Counts } from './test-reporter.ts'

interface Phase {
  readonly name: string
  readonly folders: readonly string[]
  readonly real: boolean
  /** All files in one process, one after the other; otherwise each file has a process of its own. */
  readonly together: boolean
  /** For one test. */
  readonly timeoutMs: number
  /** For the whole phase: no time-out ends a test that never yields, or a run in which a test left a timer behind. */
  readonly limitMs: number
}

interface Result {
  readonly name: string
  readonly counts: Counts
  readonly seconds: number
}

const root = join(import.meta.dirname, '..')
const isLong = process.env.CAUDAL_CHAOS === 'long'
const hour = 3_600_000
const chaosPhase: Phase = {
  name: 'chaos (real)',
  folders: ['chaos'],
  real: true,
  together: false,
  timeoutMs: isLong ? 2 * hour : 600_000,
  limitMs: isLong ? 8 * hour : hour,
}
const allPhases: readonly Phase[] = [
  {
    name: 'unit',
    folders: ['unit', 'fuzz', 'windows', 'golden'],
    real: false,
    together: true,
    timeoutMs: 60_000,
    limitMs: 300_000,
  },
  { name: 'conformance (memory)', folders: ['conformance'], real: false, together: true, timeoutMs: 60_000, limitMs: 300_000 },
  { name: 'simulation', folders: ['simulation'], real: false, together: true, timeoutMs: 600_000, limitMs: 900_000 },
  { name: 'conformance (real)', folders: ['conformance'], real: true, together: true, timeoutMs: 120_000, limitMs: 900_000 },
  { name: 'integration (real)', folders: ['integration'], real: true, together: false, timeoutMs: 1_800_000, limitMs: 3_600_000 },
  chaosPhase,
]
const phases = isLong ? [chaosPhase] : allPhases
const typesLimitMs = 120_000
const filters = process.argv.slice(2)
const requireReal = process.env.CAUDAL_REQUIRE_REAL === '1'
const begin = performance.now()
const secondsSince = (time: number) => (performance.now() - time) / 1000

const filesOf = ({ folders }: Phase): readonly string[] =>
  folders
    .flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`, { cwd: root }).sort())
    .filter((file) => isLong || !file.endsWith('.long.test.ts'))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))

const none = (): Counts => ({ passed: 0, failed: 0, skipped: [] })

async function typesPhase(): Promise<Result> {
  const start = performance.now()
  const passed =
    (await run(join(root, 'node_modules/.bin/tsc'), ['-p', '.', '--pretty', 'false'], process.env, typesLimitMs)) === null
  return { name: 'types', counts: passed ? { ...none(), passed: 1 } : { ...none(), failed: 1 }, seconds: secondsSince(start) }
}

async function runPhase(phase: Phase, files: readonly string[], environment: NodeJS.ProcessEnv): Promise<Result> {
  console.log(`\n-- ${phase.name}: ${files.length} files`)
  const start = performance.now()
  const directory = mkdtempSync(join(tmpdir(), 'caudal-test-'))
  const file = join(directory, 'counts.json')
  const args = [
    '--test',
    // kafkajs 2.2.4, which the tests' own clients are, asks for timers in the past.
    '--disable-warning=TimeoutNegativeWarning',
    `--test-reporter=${join(import.meta.dirname, 'test-reporter.ts')}`,
    '--test-reporter-destination=stdout',
    `--test-timeout=${phase.timeoutMs}`,
    ...(phase.together ? ['--test-isolation=none'] : ['--test-concurrency=1']),
    ...files,
  ]
  try {
    const failure = await run(process.execPath, args, { ...process.env, ...environment, CAUDAL_TEST_COUNTS: file }, phase.limitMs)
    const reported = readCounts(file)
    const counts = reported ?? none()
    // A file that broke before its tests ran, or ended the process, counts as one failure: nothing else would tell.
    if (counts.failed === 0 && (failure !== null || reported === null)) {
      console.log(`FAILED ${phase.name}: ${failure ?? 'a test ended the process'}`)
      counts.failed = 1
    }
    // What waits for a server here is run in the phase that has one, or counted there as not run.
    if (!phase.real) counts.skipped = counts.skipped.filter((reason) => !reason.includes('CAUDAL_TEST_'))
    return { name: phase.name, counts, seconds: secondsSince(start) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface ChaosResult {
  readonly scenario: string
  readonly brokers: number
  readonly outcome: string
  readonly longestGapMs: number | null
}

/** Runs the chaos tests; what they tell of each scenario becomes a table. */
async function runChaos(phase: Phase, files: readonly string[], environment: NodeJS.ProcessEnv): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-chaos-'))
  const file = process.env.CAUDAL_CHAOS_RESULTS ?? join(directory, 'results.jsonl')
  try {
    const result = await runPhase(phase, files, { ...environment, CAUDAL_CHAOS_RESULTS: file })
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
    console.log('\n| scenario | brokers | outcome | longest gap |\n|---|---|---|---|')
    for (const { scenario, brokers, outcome, longestGapMs } of lines.map((line) => JSON.parse(line) as ChaosResult))
      console.log(
        `| ${scenario} | ${brokers} | ${outcome} | ${longestGapMs === null ? '' : `${(longestGapMs / 1000).toFixed(1)} s`} |`,
      )
    return result
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Null where the run ended before its report did. */
const readCounts = (file: string): Counts | null => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Counts) : null)

/** Runs a command with its output on ours; null when it exits with 0, else how it ended. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, limitMs: number): Promise<string | null> {
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], timeout: limitMs })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) =>
      resolve(
        code === 0 ? null : signal === null ? `exit code ${code}` : `ended by ${signal}, as after ${limitMs / 60_000} minutes`,
      ),
    )
  })
}

/** The sandbox that all real phases share. */
function startServers(): Promise<Sandbox> {
  console.log('\n-- real servers')
  const kafkaBrokers = process.env.CAUDAL_TEST_KAFKA?.split(',')
  const redisUrl = process.env.CAUDAL_TEST_REDIS
  const kind = kafkaBrokers === undefined ? 'processes' : 'given'
  const kafkaVersion = process.env.CAUDAL_TEST_KAFKA_VERSION
  return startSandbox({ kind, kafkaBrokers, kafkaVersion, redisUrl, progress: (line) => console.log(`   ${line}`) })
}

async function runReal(real: readonly { phase: Phase; files: readonly string[] }[]): Promise<readonly Result[]> {
  const missing = process.env.CAUDAL_TEST_KAFKA === undefined ? missingForKafka(process.env.CAUDAL_TEST_KAFKA_VERSION) : null
  if (missing !== null) return real.map(({ phase, files }) => notRun(phase, files, missing))
  const sandbox = await startServers()
  const redis = sandbox.redisUrl === null ? {} : { CAUDAL_TEST_REDIS: sandbox.redisUrl }
  const environment = { CAUDAL_TEST_KAFKA: sandbox.kafkaBrokers.join(','), ...redis }
  const results: Result[] = []
  try {
    for (const { phase, files } of real)
      results.push(await (phase === chaosPhase ? runChaos : runPhase)(phase, files, environment))
  } finally {
    await sandbox.stop()
  }
  return results
}

function notRun({ name }: Phase, files: readonly string[], reason: string): Result {
  const skipped = files.map((file) => `${file}: ${reason}`)
  return { name, counts: { ...none(), skipped }, seconds: 0 }
}

function summarise(results: readonly Result[]): void {
  const sum = (count: (counts: Counts) => number) => results.reduce((total, { counts }) => total + count(counts), 0)
  const reasons = results.flatMap(({ name, counts }) => counts.skipped.map((reason) => `${name}: ${reason}`))
  const unmet = reasons.filter((reason) => requireReal && !/no (Docker|Prometheus|libfaketime|small disk)/.test(reason))
  const passed = sum((counts) => counts.passed)
  const failed = sum((counts) => counts.failed) + unmet.length
  console.log('\n-- summary')
  for (const { name, counts, seconds } of results) {
    const figures = [counts.passed, counts.failed, counts.skipped.length].map((figure) => `${figure}`.padStart(6))
    console.log(
      `${name.padEnd(22)}${figures[0]} passed ${figures[1]} failed ${figures[2]} skipped ${seconds.toFixed(1).padStart(8)} s`,
    )
  }
  if (reasons.length > 0) console.log('skipped:')
  for (const reason of reasons) console.log(`  ${reason}${unmet.includes(reason) ? ' (CAUDAL_REQUIRE_REAL forbids it)' : ''}`)
  console.log(`in ${secondsSince(begin).toFixed(0)} s`)
  console.log(`${passed} passed, ${failed} failed, ${reasons.length - unmet.length} skipped`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}

const chosen = phases.map((phase) => ({ phase, files: filesOf(phase) })).filter(({ files }) => files.length > 0)
if (chosen.length === 0) throw new RangeError(`no test file has ${filters.join(' or ')} in its path`)
const results: Result[] = filters.length === 0 && !isLong ? [await typesPhase()] : []
// The addresses of a user's own servers are for the real phases alone.
const withoutServers = { CAUDAL_TEST_KAFKA: undefined, CAUDAL_TEST_REDIS: undefined }
for (const { phase, files } of chosen.filter(({ phase }) => !phase.real))
  results.push(await runPhase(phase, files, withoutServers))
try {
  const real = chosen.filter(({ phase }) => phase.real)
  if (real.length > 0) results.push(...(await runReal(real)))
} catch (error) {
  console.log('FAILED real servers:', error instanceof Error ? error.message : error)
  results.push({ name: 'real servers', counts: { ...none(), failed: 1 }, seconds: 0 })
}
summarise(results)
