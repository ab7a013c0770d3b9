import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeenRecord } from '../../support/checker/history.ts'
import { longestGapMs, longestGapOfAnyMs } from '../../support/gaps.ts'

const seen = (partition: number, ...times: readonly number[]): readonly SeenRecord[] =>
  times.map((atMs, offset) => ({ atMs, topic: 't', partition, offset, timestamp: 0, key: null, value: null }))
const all = { fromMs: 0, toMs: 1000 }

test('the longest time between two records, within the span', () => {
  assert.equal(longestGapMs(seen(0, 100, 200, 500, 600), { fromMs: 0, toMs: 650 }), 300)
  assert.equal(longestGapMs([], all), 1000, 'nothing at all')
  assert.equal(longestGapMs(seen(0, 100, 200, 900), { fromMs: 0, toMs: 200 }), 100, 'after the input ended nothing is due')
  assert.equal(longestGapMs(seen(0, 100, 200, 900), { fromMs: 150, toMs: 1000 }), 700)
})

test('a fault in the middle of a silence has all of it', () => {
  assert.equal(longestGapMs(seen(0, 100, 900, 950), { fromMs: 500, toMs: 1000 }), 800)
})

test('a partition that stood still is not hidden by another one', () => {
  const records = [...seen(0, 100, 200, 300, 400), ...seen(1, 100, 400)].sort((a, b) => a.atMs - b.atMs)
  const span = { fromMs: 0, toMs: 400 }
  assert.equal(longestGapMs(records, span), 100)
  assert.equal(longestGapOfAnyMs(records, span), 300)
})
