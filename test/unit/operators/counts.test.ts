import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noMetrics } from '../../../service/metrics.ts'
import { Counts } from '../../../service/operators/counts.ts'

test('what a batch counted is handed over once', () => {
  const seen: unknown[] = []
  const metrics = {
    ...noMetrics,
    add: (...sample: readonly unknown[]) => void seen.push(sample),
    set: (...sample: readonly unknown[]) => void seen.push(sample),
  }
  const counts = new Counts(metrics, 3)
  for (const reason of ['error', 'null-key', 'error']) counts.add('caudal_records_skipped_total', 'in', reason)
  counts.closed('hours', 2, 7_200_000)
  counts.closed('hours', 1, 3_600_000)
  counts.flush()
  assert.deepEqual(seen.splice(0), [
    ['caudal_records_skipped_total', 2, { topic: 'in', reason: 'error' }],
    ['caudal_records_skipped_total', 1, { topic: 'in', reason: 'null-key' }],
    ['caudal_windows_closed_total', 3, { store: 'hours' }],
    ['caudal_window_end_seconds', 7_200, { store: 'hours', partition: '3' }],
  ])
  counts.flush()
  assert.deepEqual(seen, [])
})
