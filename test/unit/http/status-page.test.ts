import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusPage } from '../../../service/http/status-page.ts'

const heartbeats = { silentMs: null, sessionTimeoutMs: 10_000 }

test('the page says what runs, and why it is not ready', () => {
  const text = statusPage({
    application: 'spend',
    status: {
      state: 'running',
      since: 0,
      reasons: [
        { waitingFor: 'store', worker: 0, task: null, since: 0, detail: 'Redis does not answer' },
        { waitingFor: 'record', worker: 0, task: null, since: 0, detail: 'in, partition 0, holds windows open' },
        { waitingFor: 'assignment', worker: 1, task: null, since: 0, detail: 'has no partitions assigned' },
      ],
      workers: [
        {
          worker: 0,
          memberId: 'm-1',
          generation: 2,
          tasks: [{ task: '0_1', state: 'restoring' }],
          progress: 1,
          lastProgressMs: 0,
          busy: true,
          ...heartbeats,
        },
        { worker: 1, memberId: '', generation: -1, tasks: [], progress: 0, lastProgressMs: 0, busy: false, ...heartbeats },
      ],
    },
  })
  assert.match(text, /running since 1970-01-01T00:00:00.000Z/)
  assert.match(text, /worker 0: generation 2, member m-1, busy, 1 tasks: 0_1 \(restoring\)/)
  assert.match(text, /worker 1: not in the group, idle, 0 tasks/)
  assert.match(text, /Waiting:\n {2}worker 0: in, partition 0, holds windows open/)
  assert.match(text, /Not ready:\n {2}worker 0: Redis does not answer/)
  assert.match(text, /As it should be:\n {2}worker 1: has no partitions assigned/)
})
