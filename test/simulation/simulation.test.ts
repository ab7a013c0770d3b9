/**
 * The seeded simulation: real processes on an in-memory Kafka and a scripted store, where one schedule orders every call, answer, clock and
 * fault. `npm run test:simulation` runs more of it, or one seed with its whole trace.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addUp } from './coverage.ts'
import { callFaults, eventFaults, scenarioOf } from './scenario.ts'
import { seedJobs, spread, toldWithTrace } from './schedules.ts'
import { refusalsOf } from './refusals.ts'
import { simulate } from './simulation.ts'
import type { Api } from '../../service/kafka/wire/messages.ts'

const seeds = Number(process.env.CAUDAL_SEEDS ?? 500)
/** Fewer need not meet with everything. */
const seedsForCoverage = 500

describe('simulation', () => {
  test('a seed replays exactly', async () => {
    for (const seed of [1, 2, 3]) {
      const first = await simulate(scenarioOf(seed))
      const second = await simulate(scenarioOf(seed))
      assert.equal(second.hash, first.hash, `seed ${seed} took another way the second time`)
    }
  })

  test(`${seeds} seeds`, async (t) => {
    const begin = performance.now()
    let hasFailed = false
    const results = await spread(seedJobs(1, seeds), {
      isOver: () => hasFailed,
      onResult: (result) => {
        if (result.failure !== null) hasFailed = true
      },
    })
    const ofSeeds = results.filter((result) => result.kind === 'seed')
    const failed = ofSeeds.find(({ failure }) => failure !== null)
    assert.ok(failed === undefined, failed && toldWithTrace(failed))
    const seconds = (performance.now() - begin) / 1000
    const steps = ofSeeds.reduce((sum, result) => sum + result.steps, 0)
    const healedInMs = Math.max(...ofSeeds.map((result) => result.healedInMs ?? 0))
    t.diagnostic(
      `${seeds} schedules of ${Math.round(steps / seeds)} steps in ${seconds.toFixed(1)} s: ${(seeds / seconds).toFixed(1)} schedules/s; ` +
        `at rest within ${(healedInMs / 1000).toFixed(1)} s of the last fault`,
    )
    if (seeds < seedsForCoverage) return
    const coverage = addUp(ofSeeds.map((result) => result.coverage))
    assert.deepEqual(missing(coverage), [], 'what no schedule met with')
  })
})

/** Every event, every fault, and of each request that was sent those that it may meet with: a fault that never happens proves nothing. */
function missing(coverage: Readonly<Record<string, number>>): readonly string[] {
  const requests = Object.keys(coverage).filter((name) => /^[A-Z]\w+$/.test(name))
  const expected = [
    ...eventFaults,
    'loses-input',
    'stops for lost input',
    ...requests.flatMap((api) => ['crash', 'stand-still', 'lost-request', 'lost-answer'].map((fault) => `${api} ${fault}`)),
    ...requests.filter((api) => refusalsOf(api as Api).length > 0).map((api) => `${api} refused`),
    ...['apply', 'acquire', 'load', 'rebuild'].flatMap((script) =>
      callFaults.filter((fault) => fault === 'lost-answer' || fault === 'lost-request').map((fault) => `${script} ${fault}`),
    ),
  ]
  return expected.filter((name) => coverage[name] === undefined)
}
