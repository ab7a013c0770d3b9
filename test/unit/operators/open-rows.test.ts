/** emit('complete') of windows: what is open, after each batch that changed it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { json, type KeyedStream, session, sliding, tumbling, hopping } from '../../../service/index.ts'
import { seedOfRun } from '../../support/random.ts'
import { type Event, type Row, shown, WindowBed } from './window-bed.ts'

type Input = KeyedStream<string, never>
/** What went in, in order: a window with more in it is never the same as before. */
const contents = {
  initial: () => '',
  add: (text: string, value: unknown) => text + String(value),
  merge: (left: string, right: string) => `${left}|${right}`,
  state: json<string>(),
}
const isMarker = (marker: string) => (value: unknown) => String(value).includes(marker)
const start = { startsWith: isMarker('s') }
const kinds = {
  tumbling: (input: Input) => input.window(tumbling(10, { grace: 5 })).aggregate('w', contents),
  'hopping, in slices': (input: Input) => input.window(hopping(10, 4)).aggregate('w', contents),
  'hopping, each window by itself': (input: Input) =>
    input.window(hopping(10, 4)).aggregate('w', { initial: contents.initial, add: contents.add, state: json<string>() }),
  sliding: (input: Input) => input.window(sliding(7, { grace: 3 })).aggregate('w', contents),
  'sessions by gap': (input: Input) => input.window(session({ gap: 6, grace: 2 })).aggregate('w', contents),
  'sessions by marker': (input: Input) =>
    input.window(session({ gap: 6, ...start, endsWith: isMarker('e') })).aggregate('w', contents),
  'sessions by marker as they come': (input: Input) =>
    input.window(session({ gap: 6, ...start, order: 'arrival' })).aggregate('w', contents),
} as const

/** What is open, told from what `update` showed so far. */
class Shown {
  readonly #rows = new Map<string, Row>()

  /** Returns whether anything is not as it was. */
  take(updates: readonly Row[]): boolean {
    const before = this.texts()
    for (const row of updates) {
      for (const replaced of row.replaces ?? []) this.#rows.delete(nameOf({ ...row, ...replaced }))
      if (row.closedBy === undefined) this.#rows.set(nameOf(row), { ...row, replaces: undefined } as never)
      else this.#rows.delete(nameOf(row))
    }
    return before.join('\n') !== this.texts().join('\n')
  }

  texts(): readonly string[] {
    return [...this.#rows.values()]
      .toSorted((a, b) => a.end - b.end || a.start - b.start || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .map(shown)
  }
}
const nameOf = ({ key, start, end }: Row): string => `${key} ${start} ${end}`

const batch = fc.array(
  fc.tuple(
    fc.integer({ min: -10, max: 60 }),
    fc.constantFrom('a', 'b', 'ä', '\u{10400}', '\uffee'),
    fc.constantFrom('x', 'y', 's', 'e'),
  ),
  { maxLength: 8 },
)

describe('complete', () => {
  for (const [kind, table] of Object.entries(kinds))
    for (const cacheBytes of [1, 1e8])
      test(`${kind}, ${cacheBytes} bytes of cache: every open window, in each batch that changed one`, () =>
        fc.assert(
          fc.asyncProperty(
            fc.array(batch, { maxLength: 10 }),
            fc.integer({ min: 0, max: 30 }),
            fc.nat(9),
            async (batches, lateness, crash) => {
              const bed = await WindowBed.of(table, { lateness, cacheBytes })
              const open = new Shown()
              const check = () => {
                const isChanged = open.take(bed.rows.update.splice(0))
                const complete = bed.rows.complete.splice(0)
                assert.deepEqual(complete.map(shown), isChanged ? open.texts() : [])
                assert.ok(new Set(complete.map(({ timestamp }) => timestamp)).size <= 1)
              }
              for (const [i, events] of batches.entries()) {
                await bed.batch(events as readonly Event[])
                check()
                if (i === crash) await bed.crash()
              }
              await bed.finish()
              check()
              assert.deepEqual(open.texts(), [])
            },
          ),
          { seed: seedOfRun(), numRuns: 60 },
        ))

  test('rows carry the newest event time that went in, or that at which a window closed', async () => {
    const bed = await WindowBed.of(kinds.tumbling, { lateness: 10 })
    const times = () => bed.rows.complete.splice(0).map(({ key, end, timestamp }) => `${key} ${end} ${timestamp}`)
    await bed.batch([
      [12, 'b', 'x'],
      [3, 'a', 'x'],
      [4, 'b', 'x'],
    ])
    assert.deepEqual(times(), ['a 10 12', 'b 10 12', 'b 20 12'])
    await bed.batch([[5, 'c', 'x']])
    assert.deepEqual(times(), ['a 10 5', 'b 10 5', 'c 10 5', 'b 20 5'])
    await bed.advance(15)
    assert.deepEqual(times(), ['b 20 9'])
    await bed.advance(16)
    assert.deepEqual(times(), [])
  })

  test('a window that nothing is left of triggers, and is not shown', async () => {
    const bed = await WindowBed.of(
      (input) =>
        input
          .window(tumbling(10))
          .aggregate('w', { initial: () => 0, add: (sum: number, n: number) => (sum + n === 0 ? undefined : sum + n) }),
      { lateness: 10 },
    )
    await bed.batch([
      [1, 'a', 5],
      [2, 'b', 6],
    ])
    assert.deepEqual(bed.read('complete'), ['a [0, 10) 5', 'b [0, 10) 6'])
    await bed.batch([[3, 'a', -5]])
    assert.deepEqual(bed.read('complete'), ['b [0, 10) 6'])
    await bed.batch([
      [3, 'c', 7],
      [4, 'c', -7],
    ])
    assert.deepEqual(bed.read('complete'), [])
  })

  test('sliding windows that are there no more, being empty, trigger nothing', async () => {
    const bed = await WindowBed.of((input) => input.window(sliding(10)).aggregate('w', contents))
    await bed.batch([[0, 'a', 'x']])
    assert.deepEqual(bed.read('complete'), ['a [-10, 1) "x"'])
    await bed.advance(1)
    assert.deepEqual([bed.read(), bed.rows.complete], [['a [-10, 1) "x" time'], []])
    await bed.advance(30)
    assert.deepEqual([bed.read(), bed.rows.complete, bed.isDue], [[], [], false])
  })
})
