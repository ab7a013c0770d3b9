import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LiveView } from '../../../service/cli/live-view.ts'
import type { Observation } from '../../../service/cli/observation.ts'
import type { Terminal } from '../../../service/cli/parts.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'

const escape = '\u001b'
const observation: Observation = {
  at: 0,
  state: 'running',
  reasons: [],
  tasks: [],
  inPerSecond: 0,
  outPerSecond: 0,
  busy: false,
  recordsIn: 0,
  recordsOut: 0,
  lag: 0,
  batches: 0,
  closed: [],
}
const caption = { command: 'run', application: 'spend', sources: ['a'], sinks: ['b'], pointers: [] }

function open() {
  const written: string[] = []
  const terminal: Terminal = {
    interactive: true,
    columns: () => 80,
    rows: () => 40,
    write: (text) => void written.push(text),
    complain: () => {},
  }
  return { view: new LiveView(terminal, new ManualClock(0), caption), written }
}

const linesUp = (text: string) => (text.startsWith(`${escape}[`) ? Number.parseInt(text.slice(2)) : 0)
const lineEnds = (text: string) => text.split('\n').length - 1

test('each frame is drawn over the one before', () => {
  const { view, written } = open()
  view.show(observation)
  view.rows([{ from: 'b', text: 'a row', time: 0 }])
  view.show(observation)
  const [, first = '', second = ''] = written
  assert.equal(linesUp(first), 0)
  assert.equal(linesUp(second), lineEnds(first))
  assert.match(second, /a row/)
})

test('notes scroll by above the frame', () => {
  const { view, written } = open()
  view.note('a note')
  assert.match(written.at(-1) ?? '', /a note\n/)
  view.show(observation)
  assert.doesNotMatch(written.at(-1) ?? '', /a note/)
  assert.equal(linesUp(written.at(-1) ?? '') + 1, lineEnds(written.at(-2) ?? ''))
})

test('the cursor is hidden, and shown again at the end', () => {
  const { view, written } = open()
  view.close()
  assert.equal(written[0], `${escape}[?25l`)
  assert.equal(written.at(-1), `${escape}[?25h`)
})
