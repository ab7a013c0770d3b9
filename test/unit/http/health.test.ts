import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { effects, healthReport, healthText, liveness, readiness } from '../../../service/http/health.ts'
import type { Reason, SupervisorStatus, WorkerStatus } from '../../../service/runtime/running.ts'
import type { WaitingFor } from '../../../service/runtime/seam.ts'

const worker: WorkerStatus = {
  worker: 0,
  memberId: 'm',
  generation: 3,
  tasks: [],
  progress: 5,
  lastProgressMs: 1_000,
  busy: true,
  silentMs: 900,
  sessionTimeoutMs: 10_000,
}
const status = (changes: Partial<WorkerStatus>, state: SupervisorStatus['state'] = 'running'): SupervisorStatus => ({
  state,
  since: 0,
  workers: [{ ...worker, ...changes }],
  reasons: [],
})
const reason = (waitingFor: WaitingFor, changes: Partial<Reason> = {}): Reason => ({
  waitingFor,
  worker: 0,
  task: null,
  since: 0,
  detail: `waits for ${waitingFor}`,
  ...changes,
})

test('alive is progress: a busy worker that stands still is not', () => {
  assert.equal(liveness(status({}), 61_000, 60_000).ok, true)
  const stuck = liveness(status({}), 61_001, 60_000)
  assert.equal(stuck.ok, false)
  assert.match(stuck.reasons[0] ?? '', /worker 0 .* 60001 ms/)
})

test('a worker without work is alive, however long', () => {
  assert.equal(liveness(status({ busy: false }), 1e9, 60_000).ok, true)
})

test('a member that hangs without answers to its heartbeats is not alive; one that gave its membership up in time is', () => {
  assert.equal(liveness(status({ silentMs: 70_000 }), 2_000, 60_000).ok, true)
  const mute = liveness(status({ silentMs: 70_001 }), 2_000, 60_000)
  assert.match(mute.reasons.join(), /worker 0 is a member .* 70001 ms/)
  assert.equal(liveness(status({ silentMs: null }), 2_000, 60_000).ok, true)
})

test('an outage is no death: reasons make it unready, not dead', () => {
  const away = { ...status({}), reasons: [reason('store', { task: '0_1', detail: 'Redis does not answer' })] }
  assert.equal(liveness(away, 2_000, 60_000).ok, true)
  const reasons = ['worker 0, task 0_1: Redis does not answer (since 1970-01-01T00:00:00.000Z)']
  assert.deepEqual(readiness(away), { ok: false, reasons, warnings: [] })
})

test('what only delays results is told, and leaves it ready; so is what is as it should be', () => {
  const answer = readiness({ ...status({}), reasons: [reason('record'), reason('assignment'), reason('transaction')] })
  assert.equal(answer.ok, true)
  assert.deepEqual(
    answer.warnings.map((warning) => /waits for (\w+)/.exec(warning)?.[1]),
    ['record', 'transaction'],
  )
})

test('each thing that stops work makes it unready', () => {
  const kinds = Object.keys(effects) as WaitingFor[]
  const unready = kinds.filter((kind) => !readiness({ ...status({}), reasons: [reason(kind)] }).ok)
  assert.deepEqual(unready.toSorted(), [
    'coordinator',
    'membership',
    'producer',
    'progress',
    'registry',
    'restore',
    'start',
    'store',
    'task',
  ])
  assert.equal(readiness(status({}, 'stopping')).ok, false)
})

test('whoever is on call finds each reason, with what it does, in docs/operating.md', () => {
  const page = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \| (unready|delayed|none) \| [^|]+ \| [^|]+ \|$/gm)]
  assert.deepEqual(Object.fromEntries(rows.map(([, kind, effect]) => [kind, effect])), effects)
})

test('failed is neither', () => {
  assert.equal(liveness(status({}, 'failed'), 1_000, 60_000).ok, false)
  assert.equal(readiness(status({}, 'failed')).ok, false)
})

test('the report has every reason, with whom, since when, and what it does', () => {
  const reasons = [
    reason('restore', { task: '0_1', since: 60_000, detail: 'restoring 43 %' }),
    reason('assignment', { worker: null }),
  ]
  const report = healthReport({
    application: 'spend',
    status: { ...status({}), reasons },
    now: 61_001,
    livenessTimeoutMs: 60_000,
  })
  assert.deepEqual([report.live, report.ready, report.faults.length], [false, false, 1])
  assert.deepEqual(report.reasons[0], {
    effect: 'unready',
    waitingFor: 'restore',
    worker: 0,
    task: '0_1',
    since: '1970-01-01T00:01:00.000Z',
    detail: 'restoring 43 %',
  })
  const text = healthText(report)
  assert.match(text, /^spend is running since 1970-01-01T00:00:00.000Z: not live, not ready\nfault +worker 0 has work/)
  assert.match(text, /\nunready +worker 0, task 0_1: restoring 43 % \(since 1970-01-01T00:01:00.000Z\)\n/)
  assert.match(text, /\nnone +waits for assignment/)
})
