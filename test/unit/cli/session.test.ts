import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import type { LoadedTopology } from '../../../service/cli/invocation.ts'
import type { Parts } from '../../../service/cli/parts.ts'
import { PlainView } from '../../../service/cli/plain-view.ts'
import { runSession } from '../../../service/cli/session.ts'
import { stopRequest } from '../../../service/cli/stop-request.ts'
import { defaultConfiguration } from '../../../service/config.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { FatalError } from '../../../service/errors.ts'
import { PromMetrics } from '../../../service/http/prom-metrics.ts'
import { json, stream, topology } from '../../../service/index.ts'
import { silentLog } from '../../../service/log.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import type { Outcome, RunningSupervisor, StartOptions, SupervisorState } from '../../../service/runtime/running.ts'
import { absentParts } from '../../support/parts.ts'

const made = topology('copy', stream('in', { value: json<number>() }).to('out', { value: json() }))
const url = new URL('file:///copy.ts')
const loaded: LoadedTopology = { file: 'copy.ts', url, exportName: 'default', topology: made, definition: definitionOf(made) }

/** A supervisor that does what it is told, and remembers it. */
async function stage(metrics = new PromMetrics()) {
  const clock = new ManualClock(0)
  const ended = Promise.withResolvers<Outcome>()
  const seen = { starts: [] as StartOptions[], stops: 0, httpOpen: 0, exits: [] as number[], lines: [] as string[] }
  let state: SupervisorState = 'running'
  let signal = () => {}
  const supervisor: RunningSupervisor = {
    status: () => ({ state, since: 0, workers: [], reasons: [] }),
    metricsSnapshots: () => snapshots,
    outcome: ended.promise,
    stop: async () => {
      seen.stops++
      state = 'stopped'
      ended.resolve({ exitCode: 0 })
    },
  }
  const snapshots = [await metrics.snapshot()]
  const parts: Parts = {
    ...absentParts,
    clock,
    terminal: { ...absentParts.terminal, write: (text) => void seen.lines.push(text) },
    onSignal: (handler) => {
      signal = handler
      return () => {}
    },
    exit: (code) => void seen.exits.push(code),
    loadTopology: async () => made,
    startSupervisor: async (options) => {
      seen.starts.push(options)
      return supervisor
    },
    startHttpServer: async () => {
      seen.httpOpen++
      return { url: 'http://127.0.0.1:1', close: async () => void seen.httpOpen-- }
    },
  }
  const run = (seconds?: number) => {
    const stop = stopRequest(parts, 10_000)
    const openView = () => new PlainView(parts.terminal, clock)
    return runSession({ parts, loaded, configuration: defaultConfiguration, log: silentLog, stop, seconds, openView })
  }
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      await turn()
      clock.advanceMonotonic(250)
    }
    await turn()
  }
  return { seen, parts, run, pass, fail: (outcome: Outcome) => ended.resolve(outcome), signal: () => signal() }
}

test('a bounded run stops by itself and counts the rows of output topics', async () => {
  const metrics = new PromMetrics()
  metrics.add('caudal_records_out_total', 5, { topic: 'out' })
  const { seen, run, pass } = await stage(metrics)
  const running = run(3)
  await pass(2_750)
  assert.equal(seen.stops, 0)
  await pass(500)
  const end = await running
  assert.deepEqual([end.exitCode, end.rows, seen.stops, seen.httpOpen], [0, 5, 1, 0])
  assert.ok(seen.lines.length >= 1)
})

test('windows that have closed are told once', async () => {
  const metrics = new PromMetrics()
  metrics.add('caudal_windows_closed_total', 5, { store: 'hours' })
  metrics.set('caudal_window_end_seconds', 3_600, { store: 'hours', partition: '0' })
  const { seen, run, pass } = await stage(metrics)
  const running = run(3)
  await pass(3_250)
  await running
  assert.deepEqual(
    seen.lines.filter((line) => line.includes('closed')),
    ['00:00:00 closed up to 1970-01-01T01:00:00Z · hours · 5 final rows\n'],
  )
})

test('a signal stops it gracefully', async () => {
  const { seen, run, pass, signal } = await stage()
  const running = run()
  await pass(500)
  signal()
  assert.equal((await running).exitCode, 0)
  assert.deepEqual([seen.stops, seen.exits], [1, []])
})

test('printed rows are shown and counted', async () => {
  const { seen, run, pass, signal } = await stage()
  const running = run()
  await pass(250)
  seen.starts[0]?.onRows?.({ sink: 'print-1', lines: ['a', 'b'], time: 0 })
  signal()
  assert.equal((await running).rows, 2)
  assert.ok(seen.lines.includes('00:00:00 print-1: a\n'))
})

test('a fault that ends it is in the result', async () => {
  const { run, pass, fail, seen } = await stage()
  const running = run()
  await pass(250)
  fail({ exitCode: 1, error: new FatalError('gone') })
  const end = await running
  assert.deepEqual([end.exitCode, end.error?.message, seen.httpOpen], [1, 'gone', 0])
})

test('a start that fails leaves nothing open', async () => {
  const { parts, run, seen } = await stage()
  Object.assign(parts, { startSupervisor: () => Promise.reject(new FatalError('no broker')) })
  await assert.rejects(run(), /no broker/)
  assert.equal(seen.httpOpen, 0)
})
