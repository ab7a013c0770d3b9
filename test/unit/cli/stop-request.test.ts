import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { stopRequest } from '../../../service/cli/stop-request.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'

function open() {
  const clock = new ManualClock(0)
  const handlers = new Set<() => void>()
  const exits: number[] = []
  const complaints: string[] = []
  const onSignal = (handler: () => void) => {
    handlers.add(handler)
    return () => void handlers.delete(handler)
  }
  const terminal = {
    interactive: false,
    columns: () => 80,
    rows: () => 24,
    write: () => {},
    complain: (line: string) => void complaints.push(line),
  }
  const stop = stopRequest({ clock, onSignal, exit: (code) => void exits.push(code), terminal }, 10_000)
  const signal = () => handlers.forEach((handler) => handler())
  return { clock, stop, signal, exits, complaints, handlers }
}

test('the first signal asks for a stop, the second ends at once', () => {
  const { stop, signal, exits, complaints } = open()
  signal()
  assert.deepEqual([stop.signal.aborted, exits], [true, []])
  signal()
  assert.deepEqual(exits, [1])
  assert.match(complaints.join(), /second signal/)
})

test('a stop that takes too long is ended', async () => {
  const { clock, stop, exits, complaints } = open()
  stop.ask()
  clock.advanceMonotonic(14_999)
  await turn()
  assert.deepEqual(exits, [])
  clock.advanceMonotonic(1)
  await turn()
  assert.deepEqual(exits, [1])
  assert.match(complaints.join(), /shutdownTimeoutMs 10000/)
})

test('a stop in time is left alone', async () => {
  const { clock, stop, exits, handlers } = open()
  stop.ask()
  stop.release()
  clock.advanceMonotonic(60_000)
  await turn()
  assert.deepEqual([exits, handlers.size], [[], 0])
})
