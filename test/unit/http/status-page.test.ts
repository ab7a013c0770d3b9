import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusPage } from '../../../service/http/status-page.ts'

test('the page says what runs, and why it is not ready', () => {
  const text = statusPage({
    application: 'spend',
    status: {
      state: 'running',
      since: 0,
      reasons: ['Redis does not answer'],
      warnings: ['in, partition 0, holds windows open'],
      workers: [
        {
          worker: 0,
          memberId: 'm-1',
          generation: 2,
          tasks: [{ task: '0_1', state: 'restoring' }],
          progress: 1,
          lastProgressMs: 0,
          busy: true,
        },
        { worker: 1, memberId: '', generation: -1, tasks: [], progress: 0, lastProgressMs: 0, busy: false },
      ],
    },
  })
  assert.match(text, /running since 1970-01-01T00:00:00.000Z/)
  assert.match(text, /worker 0: generation 2, member m-1, busy, 1 tasks: 0_1 \(restoring\)/)
  assert.match(text, /worker 1: not in the group, idle, 0 tasks/)
  assert.match(text, /Waiting:\n {2}in, partition 0, holds windows open/)
  assert.match(text, /Not ready:\n {2}Redis does not answer/)
})
