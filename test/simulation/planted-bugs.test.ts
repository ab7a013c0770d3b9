/** Shows that the simulation finds bugs: each rule that is taken out is noticed within a bounded number of schedules. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plantedBugs, schedulesMax } from './planted-bugs.ts'
import { spread } from './schedules.ts'

describe('planted bugs', () => {
  test('each is found, and what found it passes without it', async (t) => {
    const rules = Object.keys(plantedBugs)
    const results = await spread(rules.map((rule) => ({ kind: 'bug', rule, scenarios: 'own', schedulesMax })))
    const found = results.filter((result) => result.kind === 'bug')
    for (const { rule, foundBy, failure } of found)
      t.diagnostic(`${rule}: found in schedule ${foundBy}: ${failure.split('\n')[0]?.slice(0, 160)}`)
    assert.deepEqual(
      found.flatMap(({ rule, foundBy }) => (foundBy === null ? [rule] : [])),
      [],
      `not noticed in ${schedulesMax} schedules`,
    )
    assert.deepEqual(
      found.flatMap(({ rule, foundBy, otherwise }) => (otherwise === null ? [] : [`${rule}, seed ${foundBy}: ${otherwise}`])),
      [],
      'fails without the planted bug as well',
    )
  })
})
