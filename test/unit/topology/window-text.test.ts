import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batches, hopping, session, sliding, tumbling } from '../../../service/index.ts'
import { specOf } from '../../../service/dsl/windows.ts'
import { windowsLayout, windowsText } from '../../../service/topology/window-text.ts'

const mark = () => true

test('windows are told by kind and parameters, without those that are 0', () => {
  const expected: readonly (readonly [windows: unknown, text: string])[] = [
    [tumbling('1 hour'), 'tumbling 1 hour'],
    [tumbling('1 day', { grace: '10 minutes', offset: '2 hours' }), 'tumbling 1 day, offset 2 hours, grace 10 minutes'],
    [hopping('10 seconds', '2 seconds', { grace: 1 }), 'hopping 10 seconds every 2 seconds, grace 1 ms'],
    [hopping(5, 5), 'tumbling 5 ms'],
    [sliding('90 seconds', { grace: '1 day' }), 'sliding 90 seconds, grace 1 day'],
    [session({ gap: '30 minutes' }), 'session gap 30 minutes'],
    [session({ gap: 7, startsWith: mark, endsWith: mark, grace: 2 }), 'session gap 7 ms, startsWith, endsWith, grace 2 ms'],
    [session({ endsWith: mark, order: 'arrival' }), 'session, endsWith, order arrival'],
    [batches(6, 2), 'batches 6 every 2'],
    [batches(6), 'batches 6 every 1'],
  ]
  for (const [windows, text] of expected) assert.equal(windowsText(specOf(windows)), text)
})

test('the layout stays what it is between versions', () => {
  const merge = (left: unknown) => left
  const layout = (windows: unknown) => windowsLayout(specOf(windows), { merge, remove: undefined })
  assert.equal(layout(tumbling(10, { offset: 3, grace: 5 })), '{"aligned":[10,10,3]}')
  assert.equal(layout(hopping(10, 5)), '{"aligned":[10,5,0],"slices":true}')
  assert.equal(layout(sliding(10)), '{"sliding":10}')
  assert.equal(layout(session({ gap: 10 })), '{"session":10,"startsWith":false,"endsWith":false,"order":"time"}')
  assert.equal(layout(batches(6, 2)), '{"batches":[6,2],"slices":true}')
  assert.equal(layout(batches(6, 6)), '{"batches":[6,6]}')
  assert.equal(windowsLayout(specOf(batches(6, 6)), { merge, remove: merge }), '{"batches":[6,6],"inverse":true}')
  const byMarker = session({ endsWith: mark, order: 'arrival' })
  assert.equal(layout(byMarker), '{"session":null,"startsWith":false,"endsWith":true,"order":"arrival"}')
})
