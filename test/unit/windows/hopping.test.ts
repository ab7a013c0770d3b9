import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstEnd, lastEnd } from '../../../service/windows/aligned.ts'
import {
  closeNext,
  contentOf,
  type HoppingState,
  openEnds,
  sliceAt,
  sliceStart,
  withChange,
} from '../../../service/windows/hopping.ts'

const hopping = fc
  .record({ size: fc.integer({ min: 1, max: 20 }), advance: fc.integer({ min: 1, max: 20 }), offset: fc.nat(19) })
  .map(({ size, advance, offset }) => {
    const [sizeMs, advanceMs] = [Math.max(size, advance), Math.min(size, advance)]
    return { sizeMs, advanceMs, offsetMs: offset % advanceMs }
  })
const never = Number.NEGATIVE_INFINITY

test('a slice is in a window as a whole or not at all, and there are two at most an advance', () => {
  fc.assert(
    fc.property(hopping, fc.integer({ min: -100, max: 100 }), (windows, from) => {
      const starts = new Set<number>()
      for (let time = from; time < from + windows.advanceMs; time++) {
        const start = sliceStart(time, windows)
        assert.ok(start <= time)
        assert.deepEqual([firstEnd(start, windows), lastEnd(start, windows)], [firstEnd(time, windows), lastEnd(time, windows)])
        starts.add(start)
      }
      // Where the slices of an advance are looked at from the middle of one, it is begun and ended.
      assert.ok(starts.size <= 3)
    }),
  )
})

test('windows close one after the other, each with what came into its slices', () => {
  const come = fc.record({ time: fc.integer({ min: 0, max: 40 }), late: fc.option(fc.nat(60)), value: fc.option(fc.nat(9)) })
  fc.assert(
    fc.property(hopping, fc.array(come, { maxLength: 20 }), (windows, comings) => {
      let state: HoppingState | undefined
      const model = new Map<string, { readonly start: number; readonly stamp: number; readonly value: number }>()
      for (const { time, late, value } of comings) {
        const start = sliceStart(time, windows)
        // What only its own partition has passed is left out of some windows, and in the last at least.
        const stamp = late !== null && late >= firstEnd(time, windows) && late < lastEnd(time, windows) ? late : never
        assert.equal(sliceAt({ start, stamp }, state)?.value, model.get(`${start} ${stamp}`)?.value)
        state = withChange({ start, stamp, value: value ?? undefined, closed: never }, state, windows)
        if (value === null) model.delete(`${start} ${stamp}`)
        else model.set(`${start} ${stamp}`, { start, stamp, value })
      }
      const slices = [...model.values()].toSorted((a, b) =>
        a.start === b.start ? Math.sign(a.stamp - b.stamp) : a.start - b.start,
      )
      const ends = [...new Set(slices.flatMap(({ start }) => [firstEnd(start, windows), lastEnd(start, windows)]))]
      const isIn = (end: number) => (slice: (typeof slices)[number]) =>
        slice.start >= end - windows.sizeMs && slice.start < end && slice.stamp < end
      for (let end = Math.min(...ends); end <= Math.max(...ends); end += windows.advanceMs) {
        const content = slices.filter(isIn(end)).map(({ value }) => value)
        if (content.length === 0) continue
        assert.equal(state?.next, end)
        assert.ok(state !== undefined)
        assert.deepEqual(contentOf(end, state, windows), content)
        for (const slice of slices.filter(isIn(end))) assert.ok(openEnds(slice, state, windows).includes(end))
        state = closeNext(state, windows)
      }
      assert.equal(state, undefined)
    }),
  )
})
