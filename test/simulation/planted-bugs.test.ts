/** Shows that the simulation finds bugs: each rule that is taken out is noticed within a bounded number of schedules. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plantedBugs } from './planted-bugs.ts'
import { scenarioOf } from './scenario.ts'
import { simulate } from './simulation.ts'

const schedulesMax = 60

describe('planted bugs', () => {
  for (const [rule, plant] of Object.entries(plantedBugs)) {
    test(rule, async (t) => {
      for (let seed = 1; seed <= schedulesMax; seed++) {
        const scenario = scenarioOf(seed)
        const planted = plant.scenario?.(scenario) ?? scenario
        const { failure } = await simulate(planted, plant)
        if (failure === null) continue
        const { failure: otherwise } = await simulate(planted)
        assert.equal(otherwise, null, `seed ${seed} fails without the planted bug as well`)
        t.diagnostic(`${rule}: found in schedule ${seed}: ${failure.split('\n')[0]?.slice(0, 160)}`)
        return
      }
      assert.fail(`${rule}: not noticed in ${schedulesMax} schedules`)
    })
  }
})
