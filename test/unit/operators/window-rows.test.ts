import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hopping, session, sliding, tumbling } from '../../../service/index.ts'
import { type Event, WindowBed } from './window-bed.ts'

const events: readonly Event[] = [
  [0, 'a'],
  [3, 'b'],
  [4, 'a'],
  [12, 'a'],
  [12, 'b'],
  [30, 'c'],
]

describe('windows that close are counted, each key for itself, with the latest end', () => {
  for (const [name, windows] of Object.entries({
    tumbling: tumbling(10),
    hopping: hopping(10, 5),
    sliding: sliding(10),
    sessions: session({ gap: 5 }),
    'sessions that end by a record': session({ gap: 5, endsWith: (value: number) => value === 2 }),
  })) {
    test(name, async () => {
      const bed = await WindowBed.of((input) => input.window(windows).count('counts'))
      await bed.each(events)
      await bed.finish()
      const finals = bed.rows.append
      assert.ok(finals.length > 4)
      assert.equal(
        bed.closed.reduce((sum, [count]) => sum + count, 0),
        finals.length,
      )
      assert.equal(Math.max(...bed.closed.map(([, end]) => end)), Math.max(...finals.map(({ end }) => end)))
    })
  }
})
