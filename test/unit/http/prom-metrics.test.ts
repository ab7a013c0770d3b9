import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsPage, PromMetrics, processMetrics } from '../../../service/http/prom-metrics.ts'
import { counters, gauges, histograms } from '../../../service/metrics.ts'

test('every metric of the tables is on the page', async () => {
  const { text } = await metricsPage([await new PromMetrics().snapshot(), await processMetrics().snapshot()])
  const names = Object.keys({ ...counters, ...gauges, ...histograms })
  assert.deepEqual(
    names.filter((name) => !text.includes(`# HELP ${name} `)),
    [],
  )
  assert.match(text, /process_cpu_user_seconds_total/)
})

test('snapshots of workers are added up by label, after a passage between threads', async () => {
  const [one, two] = [new PromMetrics(), new PromMetrics()]
  one.add('caudal_records_in_total', 3, { topic: 'a' })
  two.add('caudal_records_in_total', 4, { topic: 'a' })
  two.add('caudal_records_in_total', 5, { topic: 'b' })
  one.set('caudal_lag_records', 7, { topic: 'a', partition: '0' })
  // A task that has moved has left its figure behind.
  one.set('caudal_window_end_seconds', 3_600, { store: 's', partition: '0' })
  two.set('caudal_window_end_seconds', 7_200, { store: 's', partition: '0' })
  two.observe('caudal_batch_duration_seconds', 0.02)
  const snapshots = structuredClone([await one.snapshot(), await two.snapshot()])
  const { text } = await metricsPage(snapshots)
  assert.match(text, /caudal_records_in_total\{topic="a"\} 7\n/)
  assert.match(text, /caudal_records_in_total\{topic="b"\} 5\n/)
  assert.match(text, /caudal_lag_records\{topic="a",partition="0"\} 7\n/)
  assert.match(text, /caudal_window_end_seconds\{store="s",partition="0"\} 7200\n/)
  assert.match(text, /caudal_batch_duration_seconds_bucket\{le="0.025"\} 1\n/)
})
