import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveness, readiness } from '../../../service/http/health.ts'
import type { SupervisorStatus, WorkerStatus } from '../../../service/runtime/running.ts'

const worker: WorkerStatus = {
  worker: 0,
  memberId: 'm',
  generation: 3,
  tasks: [],
  progress: 5,
  lastProgressMs: 1_000,
  busy: true,
}
const status = (changes: Partial<WorkerStatus>, state: SupervisorStatus['state'] = 'running'): SupervisorStatus => ({
  state,
  since: 0,
  workers: [{ ...worker, ...changes }],
  reasons: [],
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

test('an outage is no death: reasons make it unready, not dead', () => {
  const away = { ...status({}), reasons: ['Redis does not answer'] }
  assert.equal(liveness(away, 2_000, 60_000).ok, true)
  assert.deepEqual(readiness(away), { ok: false, reasons: ['Redis does not answer'], warnings: [] })
})

test('a partition that holds windows open is told, and leaves it ready', () => {
  const warnings = ['in, partition 0, holds windows open']
  assert.deepEqual(readiness({ ...status({}), warnings }), { ok: true, reasons: [], warnings })
})

test('ready is joined, with all tasks running', () => {
  assert.equal(readiness(status({ tasks: [{ task: '0_0', state: 'running' }] })).ok, true)
  assert.equal(readiness(status({}, 'stopping')).ok, false)
  assert.match(readiness(status({ generation: -1 })).reasons.join(), /not joined/)
  const restoring = { task: '0_1', state: 'restoring', restoring: { store: 'total', done: 2, total: 8 } } as const
  assert.deepEqual(readiness(status({ tasks: [restoring] })).reasons, ["task 0_1 restores 'total': 2 of 8 records"])
})

test('failed is neither', () => {
  assert.equal(liveness(status({}, 'failed'), 1_000, 60_000).ok, false)
  assert.equal(readiness(status({}, 'failed')).ok, false)
})
