/**
 * Windows through the whole of a process, in any run: I10, the final rows are those of a plain reference over the whole input; I11, every
 * record is accounted for; I7, watermarks never go back; I8, one final row per window and key.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hopping, session, sliding } from '../../service/index.ts'
import { seedOfRun } from '../support/random.ts'
import {
  alignedReference,
  type Arrived,
  endsWith,
  type Expected,
  gapReference,
  markerReference,
  slidingReference,
  startsWith,
} from '../support/window-references.ts'
import { type AnyKeyed, type AnyWindows, arrivedOf, ids, merge, outcomeOf, type Run, runs, type Value } from './runs.ts'

const seed = seedOfRun()
/** CAUDAL_RUNS: how many runs of each property. */
const numRuns = Number(process.env.CAUDAL_RUNS ?? 25)
const span = (min: number, max: number) => fc.integer({ min, max })
const grace = span(0, 5)

/** For any run and any `sizes`: what the windows come to is what the reference says. */
async function holds<S>(
  [of, sizes]: readonly [fc.Arbitrary<Run>, fc.Arbitrary<S>],
  windows: {
    readonly windowsOf: (keyed: AnyKeyed, sizes: S) => AnyWindows
    readonly reference: (records: readonly Arrived[], sizes: S) => Expected
    /** Whether some records may be in no session. */
    readonly sides?: (sizes: S) => 'late' | 'outside'
  },
): Promise<void> {
  const { windowsOf, reference, sides = () => 'late' } = windows
  await fc.assert(
    fc.asyncProperty(of, sizes, async (run, given) => {
      const outcome = await outcomeOf(run, (keyed) => windowsOf(keyed, given), sides(given))
      assert.deepEqual(outcome, reference(arrivedOf(run), given))
    }),
    { numRuns, seed },
  )
}

describe('in any run, final rows are those of a plain reference', () => {
  const aligned = fc.record({ of: span(1, 12), by: span(1, 12), offset: span(0, 7), grace, merges: fc.boolean() })
  const sizesOf = ({ of, by }: { readonly of: number; readonly by: number }) => [Math.max(of, by), Math.min(of, by)] as const

  test('hopping windows', () =>
    holds([runs, aligned], {
      windowsOf: (keyed, sizes) =>
        keyed
          .window(hopping(...sizesOf(sizes), { grace: sizes.grace, offset: sizes.offset }))
          .aggregate('w', { ...ids, ...(sizes.merges ? { merge } : {}) }),
      reference: (records, sizes) => {
        const [size, advance] = sizesOf(sizes)
        return alignedReference(records, { ...sizes, size, advance })
      },
    }))

  test('tumbling windows', () =>
    holds([runs, aligned], {
      windowsOf: (keyed, { of, grace, offset }) => keyed.window(hopping(of, of, { grace, offset })).aggregate('w', ids),
      reference: (records, { of, ...others }) => alignedReference(records, { ...others, size: of, advance: of }),
    }))

  test('sliding windows', () =>
    holds([runs, fc.record({ span: span(0, 12), grace, merges: fc.boolean() })], {
      windowsOf: (keyed, { span, grace, merges }) =>
        keyed.window(sliding(span, { grace })).aggregate('w', { ...ids, ...(merges ? { merge } : {}) }),
      reference: slidingReference,
    }))

  test('sessions with markers', () =>
    holds([runs, fc.record({ gap: span(1, 12), grace, needsStart: fc.boolean() })], {
      windowsOf: (keyed, { gap, grace, needsStart }) => {
        const ends = { gap, grace, endsWith: ({ kind }: Value) => endsWith(kind) }
        const markers = needsStart ? { ...ends, startsWith: ({ kind }: Value) => startsWith(kind) } : ends
        return keyed.window(session(markers)).aggregate('w', { ...ids, merge })
      },
      reference: markerReference,
      sides: ({ needsStart }) => (needsStart ? 'outside' : 'late'),
    }))

  const gaps = {
    windowsOf: (keyed: AnyKeyed, { gap, grace }: { readonly gap: number; readonly grace: number }) =>
      keyed.window(session({ gap, grace })).aggregate('w', { ...ids, merge }),
    reference: gapReference,
  }
  const gapSizes = fc.record({ gap: span(1, 12), grace })

  test('sessions by gap, where all records of a key come from one partition', () =>
    holds([runs.map((run) => ({ ...run, partitions: 1 })), gapSizes], gaps))

  test('sessions by gap, over several partitions where no record is older than the watermark of its own', () =>
    holds([runs.map((run) => ({ ...run, lateness: 100 })), gapSizes], gaps))
})

test('sessions by gap over several partitions: every record is in one session, or late', () =>
  fc.assert(
    fc.asyncProperty(runs, span(1, 12), grace, async (run, gap, grace) => {
      const { rows, late } = await outcomeOf(
        run,
        (keyed) => keyed.window(session({ gap, grace })).aggregate('w', { ...ids, merge }),
        'late',
      )
      const counted = rows.map((row) => row.replace(/^.*=(.*) gap$/, '$1').split(' ').length)
      assert.equal(counted.reduce((sum, count) => sum + count, 0) + late.length, arrivedOf(run).length)
      // Only what is older than its own partition's watermark is ever late.
      for (const { id, stamp } of arrivedOf(run)) assert.ok(stamp > Number.NEGATIVE_INFINITY || !late.includes(id))
    }),
    { numRuns, seed },
  ))
