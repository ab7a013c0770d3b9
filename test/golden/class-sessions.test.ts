/** class-sessions against its golden file. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inputOf, replay, testGolden } from '../support/golden.ts'
import { classSessionsGolden, type Lesson } from '../support/goldens/class-sessions.ts'

describe('class-sessions', () => {
  testGolden(classSessionsGolden)

  test('every record is in a lesson, outside, or late', async () => {
    const input = inputOf(classSessionsGolden)
    const rows = await replay(classSessionsGolden, input, { every: 10 })
    const counts = rows.flatMap(({ topic, value }) =>
      topic === 'class-sessions' ? Object.values((value as Lesson).tookPart) : [1],
    )
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      input.length,
    )
  })
})
