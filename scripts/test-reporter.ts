/**
 * The reporter of `npm test`, for one run of `node --test`: failures in full as they happen, what tests have to say (seeds, rates), slow
 * suites and tests with their time; in the end the counts, as JSON, in the file named by CAUDAL_TEST_COUNTS.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/** What one run counted. A skipped test is named with its reason. */
export interface Counts {
  passed: number
  failed: number
  skipped: string[]
}

const slowMs = 2_000
const here = (file: string | undefined) => (file === undefined ? '' : relative(process.cwd(), file))

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] }
  for await (const event of events) {
    if (event.type === 'test:pass' || event.type === 'test:fail') yield* ended(event, counts)
    else if (event.type === 'test:diagnostic' && !isCount(event.data.message)) yield `    ${event.data.message}\n`
    else if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message
  }
  if (process.env.CAUDAL_TEST_COUNTS) writeFileSync(process.env.CAUDAL_TEST_COUNTS, JSON.stringify(counts))
}

type Ended = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>

function* ended({ type, data }: Ended, counts: Counts): Generator<string> {
  const { name, details, skip } = data
  const where = `${here(data.file)}: ${name}`
  const seconds = `${(details.duration_ms / 1000).toFixed(1)} s`
  if (type === 'test:pass' && data.nesting === 0 && details.duration_ms > slowMs) yield `ok     ${where} (${seconds})\n`
  // A suite is counted by its tests, unless it was skipped as a whole, and so is a test that failed only by those in it.
  if (type === 'test:pass' ? details.type === 'suite' && skip === undefined : isOnlySubtests(data)) return
  if (type === 'test:fail') {
    counts.failed++
    yield `FAILED ${where} (${seconds})\n${inspect(reason(data), { depth: 8 }).replace(/^/gm, '    ')}\n`
  } else if (skip !== undefined) {
    counts.skipped.push(typeof skip === 'string' ? `${where}: ${skip}` : where)
  } else {
    counts.passed++
  }
}

const errorOf = (data: Ended['data']) => ('error' in data.details ? data.details.error : undefined)
const isOnlySubtests = (data: Ended['data']) => inspect(errorOf(data)).includes('subtestsFailed')
/** Node wraps what a test threw; the wrapper says nothing of its own. */
function reason(data: Ended['data']): unknown {
  const error = errorOf(data)
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

/** Node's own closing lines (`tests 12`, `pass 12`, …): the summary of `npm test` takes their place. */
const isCount = (message: string) => /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message)
