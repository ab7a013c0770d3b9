import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Closings } from '../../../service/cli/closings.ts'

const hour = (number: number) => Date.UTC(2026, 0, 12, number)

test('a line for what has closed since the last look, and none where nothing has', () => {
  const closings = new Closings()
  assert.deepEqual(closings.news([]), [])
  assert.deepEqual(closings.news([{ store: 'hours', windows: 1_200, end: hour(9) }]), [
    'closed up to 2026-01-12T09:00:00Z · hours · 1,200 final rows',
  ])
  assert.deepEqual(closings.news([{ store: 'hours', windows: 1_200, end: hour(9) }]), [])
  const both = [
    { store: 'hours', windows: 1_201, end: hour(10) },
    { store: 'days', windows: 2, end: hour(0) },
  ]
  assert.deepEqual(closings.news(both), [
    'closed up to 2026-01-12T10:00:00Z · hours · 1 final row',
    'closed up to 2026-01-12T00:00:00Z · days · 2 final rows',
  ])
})
