import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { type FrameInput, frame } from '../../../service/cli/frame.ts'

const input: FrameInput = {
  caption: {
    command: 'dev',
    application: 'spend',
    sources: ['purchases'],
    sinks: ['totals'],
    pointers: [['status', 'http://127.0.0.1:1/']],
  },
  observation: {
    at: 0,
    state: 'running',
    reasons: ['Redis does not answer'],
    tasks: [
      { task: '0_0', state: 'running' },
      { task: '0_1', state: 'restoring', restoring: { store: 'total', done: 1, total: 4 } },
    ],
    inPerSecond: 1234.4,
    outPerSecond: 2.25,
    busy: true,
    recordsIn: 1_234_567,
    recordsOut: 8,
    lag: 5,
    batches: 77,
    closed: [],
  },
  rows: [
    { from: 'totals', text: 'ann  1', time: 0 },
    { from: 'totals', text: 'bob  2', time: 1_000 },
  ],
  elapsedMs: 3_723_000,
  columns: 100,
  rowsMax: 10,
}
const plain = (changes: Partial<FrameInput> = {}) => frame({ ...input, ...changes }).map((line) => stripVTControlCharacters(line))

test('it shows state, figures, rows and where to look next', () => {
  const text = plain().join('\n')
  for (const part of [
    /caudal dev · spend · running · 1:02:03/,
    /in +1,234\/s +1,234,567 {2}purchases/,
    /out +2\.3\/s +8 {2}totals/,
    /lag +5/,
    /batches +77 {2}2 tasks, 1 restoring \(total 25 %\)/,
    /Redis does not answer/,
    /newest rows of totals\n {2}00:00:00 {2}ann {2}1\n {2}00:00:01 {2}bob {2}2/,
    /status +http:\/\/127\.0\.0\.1:1\//,
  ])
    assert.match(text, part)
})

test('no line is wider than the terminal', () => {
  const rows = [{ from: 'totals', text: 'x'.repeat(500), time: 0 }]
  for (const columns of [20, 40, 80]) for (const line of plain({ columns, rows })) assert.ok(line.length < columns, line)
})

test('only the newest rows are shown where there is little room', () => {
  assert.doesNotMatch(plain({ rowsMax: 1 }).join('\n'), /ann/)
  assert.doesNotMatch(plain({ rowsMax: 0 }).join('\n'), /newest/)
})

test('rows of several topics say which they are of', () => {
  const rows = [...input.rows, { from: 'late', text: 'cy  3', time: 2_000 }]
  const text = plain({ rows }).join('\n')
  assert.match(text, /newest rows of totals, late\n {2}00:00:00 {2}totals: ann {2}1\n.*\n {2}00:00:02 {2}late: cy {2}3/)
})

test('it can be drawn before anything is known', () => {
  assert.match(plain({ observation: undefined, rows: [], elapsedMs: 0 }).join('\n'), /starting · 0:00/)
})
