/** What a process that runs schedules is asked, and what it answers. */
import type { Coverage } from './coverage.ts'
import { plantedBugs } from './planted-bugs.ts'
import { scenarioOf } from './scenario.ts'
import { simulate } from './simulation.ts'

export type Job =
  | { readonly kind: 'seed'; readonly seed: number }
  /** How many schedules it takes until a planted bug shows. `own`: in scenarios that are made for it; else in those of the seeds as they are. */
  | { readonly kind: 'bug'; readonly rule: string; readonly scenarios: 'own' | 'any'; readonly schedulesMax: number }

export interface SeedResult {
  readonly kind: 'seed'
  readonly seed: number
  readonly steps: number
  readonly failure: string | null
  /** Only of one that failed. */
  readonly trace: readonly string[]
  readonly coverage: Coverage
  readonly healedInMs: number | null
}

export interface BugResult {
  readonly kind: 'bug'
  readonly rule: string
  readonly scenarios: 'own' | 'any'
  /** The first seed that noticed it; null where none did. */
  readonly foundBy: number | null
  readonly failure: string
  /** What goes wrong in the same schedule without the bug; null as it should be. */
  readonly otherwise: string | null
}

export type JobResult = SeedResult | BugResult

export const carryOut = (job: Job): Promise<JobResult> => (job.kind === 'seed' ? runSeed(job.seed) : findBug(job))

async function runSeed(seed: number): Promise<SeedResult> {
  const { hash: _, trace, ...result } = await simulate(scenarioOf(seed))
  return { kind: 'seed', seed, ...result, trace: result.failure === null ? [] : trace }
}

async function findBug({ rule, scenarios, schedulesMax }: Extract<Job, { kind: 'bug' }>): Promise<BugResult> {
  const plant = plantedBugs[rule]
  if (plant === undefined) throw new RangeError(`no bug is called "${rule}"`)
  for (let seed = 1; seed <= schedulesMax; seed++) {
    const drawn = scenarioOf(seed)
    const scenario = scenarios === 'own' ? (plant.scenario?.(drawn) ?? drawn) : drawn
    const { failure } = await simulate(scenario, plant)
    if (failure === null) continue
    const { failure: otherwise } = await simulate(scenario)
    return { kind: 'bug', rule, scenarios, foundBy: seed, failure, otherwise }
  }
  return { kind: 'bug', rule, scenarios, foundBy: null, failure: '', otherwise: null }
}
