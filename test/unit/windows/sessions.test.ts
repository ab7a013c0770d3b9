import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { placeOf, put, type Sessions } from '../../../service/windows/sessions.ts'

/** The sessions after a record at `time`, each with the times in it as its aggregate, the earlier of two merged ones first. */
function insert(sessions: Sessions, time: number, gapMs: number): Sessions {
  const place = placeOf(time, sessions, { gapMs, closed: Number.NEGATIVE_INFINITY })
  const { from, to, start, last } = place
  const [left, right] = sessions.slice(from, to)
  const value = [...((left?.value as number[] | undefined) ?? []), time, ...((right?.value as number[] | undefined) ?? [])]
  return put({ start, last, value }, place, sessions)
}
const inserted = (times: readonly number[], gapMs: number): Sessions =>
  times.reduce<Sessions>((sessions, time) => insert(sessions, time, gapMs), [])
const bounds = (sessions: Sessions) => sessions.map(({ start, last }) => [start, last])

describe('sessions of a key', () => {
  test('events exactly the gap apart are one session', () => {
    assert.deepEqual(bounds(inserted([0, 10], 10)), [[0, 10]])
    assert.deepEqual(bounds(inserted([10, 0], 10)), [[0, 10]])
    assert.deepEqual(bounds(inserted([0, 11], 10)), [
      [0, 0],
      [11, 11],
    ])
  })

  test('a record between two makes them one, the earlier first', () => {
    assert.deepEqual(inserted([11, 0, 5], 10), [{ start: 0, last: 11, value: [0, 5, 11] }])
  })

  test('one that is deleted leaves the others', () => {
    const sessions = inserted([0, 100, 200], 10)
    assert.deepEqual(bounds(put(undefined, placeOf(105, sessions, { gapMs: 10, closed: 0 }), sessions)), [
      [0, 0],
      [200, 200],
    ])
  })

  test('are what a cut of all events in order of time says, whatever the order they come in', () => {
    const times = fc.array(fc.integer({ min: -100, max: 100 }), { maxLength: 60 })
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 20 }), (shuffled, gapMs) => {
        const expected: number[][] = []
        for (const time of shuffled.toSorted((a, b) => a - b)) {
          const open = expected.at(-1)
          if (open === undefined || time - (open.at(-1) ?? Number.NaN) > gapMs) expected.push([time])
          else open.push(time)
        }
        const found = inserted(shuffled, gapMs)
        assert.deepEqual(
          found.map(({ value }) => (value as number[]).toSorted((a, b) => a - b)),
          expected,
        )
        assert.deepEqual(
          bounds(found),
          expected.map((session) => [session[0], session.at(-1)]),
        )
      }),
    )
  })
})
