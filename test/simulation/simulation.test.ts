/**
 * The seeded simulation: real processes on an in-memory Kafka and a scripted store, where one schedule orders every call, answer, clock and
 * fault. CAUDAL_SEEDS: how many seeds (500). CAUDAL_FIRST_SEED: the first of them (1). CAUDAL_SEED=n: that seed alone, with its whole trace, passed or not.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Scenario, scenarioOf } from './scenario.ts'
import { simulate } from './simulation.ts'

const seeds = Number(process.env.CAUDAL_SEEDS ?? 500)
const firstSeed = Number(process.env.CAUDAL_FIRST_SEED ?? 1)
const onlySeed = process.env.CAUDAL_SEED === undefined ? null : Number(process.env.CAUDAL_SEED)
/** Of a long trace, the last steps; what happened to the processes, to Kafka and to the store is shown from the start. */
const lastSteps = 150

/** The events of a trace and its last steps. */
function shorten(trace: readonly string[]): string {
  const from = Math.max(0, trace.length - lastSteps)
  const events = trace.slice(0, from).filter((line) => line.includes('-- ') || line.includes('"'))
  return [...events, '  … all steps from here on:', ...trace.slice(from)].join('\n')
}

/** What is to be read first stands last: above it may be thousands of lines. */
function told(scenario: Scenario, failure: string): string {
  const { seed } = scenario
  const settings = JSON.stringify({ ...scenario, faults: [...scenario.faults] })
  const replay = `CAUDAL_SEED=${seed} npx node --test test/simulation/simulation.test.ts`
  return `seed ${seed}: ${settings}\nseed ${seed}: ${failure}\nreplay: ${replay}`
}

describe('simulation', () => {
  if (onlySeed !== null) {
    test(`seed ${onlySeed}`, async () => {
      const scenario = scenarioOf(onlySeed)
      const { failure, trace, steps } = await simulate(scenario)
      console.log(`${trace.join('\n')}\n\n${told(scenario, failure ?? `every invariant held, after ${steps} steps`)}`)
      assert.ok(failure === null, failure ?? '')
    })
    return
  }

  test('a seed replays exactly', async () => {
    for (const seed of [firstSeed, firstSeed + 1, firstSeed + 2]) {
      const first = await simulate(scenarioOf(seed))
      const second = await simulate(scenarioOf(seed))
      assert.equal(second.hash, first.hash, `seed ${seed} took another way the second time`)
    }
  })

  test(`${seeds} seeds`, async (t) => {
    const begin = performance.now()
    let steps = 0
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const scenario = scenarioOf(seed)
      const result = await simulate(scenario)
      steps += result.steps
      if (result.failure !== null)
        assert.fail(`seed ${seed}: ${result.failure}\n\n${shorten(result.trace)}\n\n${told(scenario, result.failure)}`)
    }
    const seconds = (performance.now() - begin) / 1000
    t.diagnostic(
      `${seeds} schedules of ${Math.round(steps / seeds)} steps in ${seconds.toFixed(1)} s: ${(seeds / seconds).toFixed(1)} schedules/s`,
    )
  })
})
