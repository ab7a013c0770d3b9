import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observation } from '../../../service/cli/observation.ts'
import { PlainView } from '../../../service/cli/plain-view.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'

const observation: Observation = {
  at: 0,
  state: 'running',
  reasons: [],
  tasks: [{ task: '0_0', state: 'running' }],
  inPerSecond: 10,
  outPerSecond: 5,
  busy: true,
  recordsIn: 1_000,
  recordsOut: 500,
  lag: 3,
  batches: 12,
  closed: [],
}

function open() {
  const lines: string[] = []
  const terminal = {
    interactive: false,
    columns: () => 80,
    rows: () => 24,
    write: (text: string) => void lines.push(text),
    complain: () => {},
  }
  return { view: new PlainView(terminal, new ManualClock(0)), lines }
}

test('a line a second while there is work', () => {
  const { view, lines } = open()
  for (let at = 0; at <= 2_000; at += 250) view.show({ ...observation, at })
  const line = '00:00:00 running · 1 task · in 1,000 (10/s) · out 500 (5.0/s) · lag 3 · batches 12\n'
  assert.deepEqual(lines, [line, line, line])
})

test('nothing while nothing changes', () => {
  const { view, lines } = open()
  for (let at = 0; at <= 9_000; at += 250) view.show({ ...observation, at, busy: false })
  assert.equal(lines.length, 1)
  view.show({ ...observation, at: 9_250, busy: false, recordsIn: 1_001 })
  assert.equal(lines.length, 2)
})

test('a start that takes long is not silent', () => {
  const { view, lines } = open()
  for (let at = 0; at <= 10_000; at += 250) view.show({ ...observation, at, state: 'starting', busy: false })
  assert.equal(lines.length, 3)
})

test('rows as they come, each with the time at which it was written', () => {
  const { view, lines } = open()
  view.rows([{ from: 'totals', text: 'ann  1', time: 61_000 }])
  assert.deepEqual(lines, ['00:00:00 totals: ann  1\n'])
})
