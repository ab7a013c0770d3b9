import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsPage, PromMetrics, processMetrics } from '../../../service/http/prom-metrics.ts'
import { counters, gauges, histograms } from '../../../service/metrics.ts'

test('every metric of the tables is on the page', async () => {
  const { text } = await metricsPage([await new PromMetrics().snapshot(), await processMetrics().snapshot()], 'spend')
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
  const { text } = await metricsPage(snapshots, 'spend')
  assert.match(text, /caudal_records_in_total\{topic="a",topology="spend"\} 7\n/)
  assert.match(text, /caudal_records_in_total\{topic="b",topology="spend"\} 5\n/)
  assert.match(text, /caudal_lag_records\{topic="a",partition="0",topology="spend"\} 7\n/)
  assert.match(text, /caudal_window_end_seconds\{store="s",partition="0",topology="spend"\} 7200\n/)
  assert.match(text, /caudal_batch_duration_seconds_bucket\{le="0.025",topology="spend"\} 1\n/)
})

test('what a gauge has no longer leaves the page', async () => {
  const metrics = new PromMetrics()
  const lagOf = (partition: string, value: number) => ({ labels: { topic: 'a', subtopology: '0', partition }, value })
  metrics.replace('caudal_lag_records', [lagOf('0', 7), lagOf('1', 8)])
  metrics.replace('caudal_lag_records', [lagOf('1', 9)])
  const { text } = await metricsPage([await metrics.snapshot()], 'spend')
  assert.deepEqual(text.match(/^caudal_lag_records.*$/gm), [
    'caudal_lag_records{topic="a",subtopology="0",partition="1",topology="spend"} 9',
  ])
})

test('a gauge is not named like a counter', async () => {
  const { text } = await metricsPage([await new PromMetrics().snapshot(), await processMetrics().snapshot()], 'spend')
  const named = [...text.matchAll(/^# TYPE (\S+)_total (?!counter)/gm)].map(([, name]) => name)
  assert.deepEqual(named, [])
})
