/**
 * `npm run test:simulation`: many schedules of the simulation, spread over the cores.
 *
 *     --seeds 10000      how many seeds (500)
 *     --first 1          the first of them
 *     --seed 7           that one alone, with its whole trace, whether it passes or not
 *     --processes 2      how many at once (one a core)
 *     --bugs             looks for every planted bug, in schedules that are made for it; with --any 200, in as many plain ones as well
 *
 * A failure is told with its seed, a readable trace and the command that replays it; the exit code is 1 then.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { plantedBugs, schedulesMax } from '../test/simulation/planted-bugs.ts'
import { scenarioOf } from '../test/simulation/scenario.ts'
import type { BugResult, Job, SeedResult } from '../test/simulation/schedule-jobs.ts'
import { seedJobs, spread, told, toldWithTrace } from '../test/simulation/schedules.ts'
import { simulate } from '../test/simulation/simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    bugs: { type: 'boolean', default: false },
    any: { type: 'string', default: '0' },
  },
})
/** Of so many failures the traces are shown. */
const tracesMax = 3
const progressEveryMs = 10_000
const processes = Number(values.processes)

async function oneSeed(seed: number): Promise<boolean> {
  const result = await simulate(scenarioOf(seed))
  console.log(`${result.trace.join('\n')}\n\n${told({ seed, ...result })}`)
  return result.failure === null
}

async function manySeeds(first: number, count: number): Promise<boolean> {
  const begin = performance.now()
  const failed: SeedResult[] = []
  let [done, steps, shownAt] = [0, 0, begin]
  const line = () => {
    const seconds = (performance.now() - begin) / 1000
    return `${done} of ${count} schedules, ${failed.length} failed, ${seconds.toFixed(0)} s, ${(done / seconds).toFixed(1)} schedules/s`
  }
  await spread(seedJobs(first, count), {
    processes,
    onResult: (result) => {
      if (result.kind !== 'seed') return
      done++
      steps += result.steps
      if (result.failure !== null) {
        failed.push(result)
        console.log(failed.length <= tracesMax ? `\n${toldWithTrace(result)}\n` : told(result))
      }
      if (performance.now() - shownAt < progressEveryMs) return
      shownAt = performance.now()
      console.log(line())
    },
  })
  console.log(`${line()}, ${Math.round(steps / Math.max(1, done))} steps each, seeds ${first} to ${first + count - 1}`)
  if (failed.length > 0) console.log(`failed: ${failed.map(({ seed }) => seed).join(', ')}`)
  return failed.length === 0
}

async function allBugs(plainMax: number): Promise<boolean> {
  const rules = Object.keys(plantedBugs)
  const own = rules.map((rule): Job => ({ kind: 'bug', rule, scenarios: 'own', schedulesMax }))
  const any = rules.map((rule): Job => ({ kind: 'bug', rule, scenarios: 'any', schedulesMax: plainMax }))
  const found = new Map<string, Partial<Record<'own' | 'any', BugResult>>>()
  await spread(plainMax > 0 ? [...own, ...any] : own, {
    processes,
    onResult: (result) => {
      if (result.kind !== 'bug') return
      found.set(result.rule, { ...found.get(result.rule), [result.scenarios]: result })
      console.log(
        `${result.rule} (${result.scenarios} scenarios): ${result.foundBy ?? 'not found'}  ${result.failure.split('\n')[0]?.slice(0, 150)}`,
      )
      if (result.otherwise !== null) console.log(`   and without it: ${result.otherwise}`)
    },
  })
  console.log(`\n| rule taken out | its own scenarios | any scenario, of ${plainMax} |\n|---|---|---|`)
  for (const rule of rules) {
    const { own: inOwn, any: inAny } = found.get(rule) ?? {}
    console.log(`| ${rule} | ${inOwn?.foundBy ?? 'not found'} | ${inAny?.foundBy ?? (plainMax > 0 ? 'not found' : '')} |`)
  }
  return [...found.values()].every(({ own: inOwn }) => inOwn !== undefined && inOwn.foundBy !== null && inOwn.otherwise === null)
}

const passed =
  values.seed !== undefined
    ? await oneSeed(Number(values.seed))
    : values.bugs
      ? await allBugs(Number(values.any))
      : await manySeeds(Number(values.first), Number(values.seeds))
process.exitCode = passed ? 0 : 1
