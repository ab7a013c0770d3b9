/** Schedules of faults: made from a seed, printed as data, and replayed from what was printed. */
import type { TestContext } from 'node:test'
import { seededRandom } from '../../../service/seeded-random.ts'
import { seedOfRun } from '../random.ts'
import type { Deed, Fault } from './faults.ts'

/** What a schedule is drawn from. */
export interface Draw<F extends Fault> {
  readonly count: number
  /** Kinds of messages, as a fault of this proxy names them. */
  readonly messages: readonly Omit<F, keyof Fault>[]
  readonly deeds: readonly Deed[]
  /** The greatest `nth`. */
  readonly nthMax: number
}

/** Faults at random: equal sequences of `random` give equal schedules. */
export function drawSchedule<F extends Fault>(random: () => number, { count, messages, deeds, nthMax }: Draw<F>): readonly F[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  return Array.from({ length: count }, () => {
    const fault: Fault = {
      at: pick(['request', 'answer'] as const),
      nth: 1 + Math.floor(random() * nthMax),
      does: pick(deeds),
    }
    return { ...pick(messages), ...fault } as F
  })
}

/**
 * The schedule that CAUDAL_SCHEDULE holds as JSON, or else one that is made from the seed of this run. Both are printed, so that a failure
 * can be brought back.
 */
export function scheduleOfRun<F extends Fault>(test: TestContext, make: (random: () => number) => readonly F[]): readonly F[] {
  const given = process.env['CAUDAL_SCHEDULE']
  if (given !== undefined) return JSON.parse(given) as readonly F[]
  const seed = seedOfRun()
  const schedule = make(seededRandom(seed))
  test.diagnostic(`seed ${seed}: CAUDAL_SCHEDULE='${JSON.stringify(schedule)}'`)
  return schedule
}
