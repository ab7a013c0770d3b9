import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresOf, Observer } from '../../../service/cli/observation.ts'
import { PromMetrics } from '../../../service/http/prom-metrics.ts'
import type { SupervisorStatus } from '../../../service/runtime/running.ts'

const isInternal = (topic: string) => topic.endsWith('-changelog')
const status: SupervisorStatus = { state: 'running', since: 0, workers: [], reasons: [] }

test('figures add up over workers, without what the application keeps for itself', async () => {
  const [one, two] = [new PromMetrics(), new PromMetrics()]
  for (const metrics of [one, two]) {
    metrics.add('caudal_records_in_total', 5, { topic: 'purchases' })
    metrics.add('caudal_records_out_total', 2, { topic: 'spend' })
    metrics.add('caudal_records_out_total', 9, { topic: 'app-total-changelog' })
    metrics.add('caudal_transactions_total', 1, { outcome: 'committed' })
    metrics.add('caudal_transactions_total', 1, { outcome: 'aborted' })
    metrics.set('caudal_lag_records', 3, { topic: 'purchases', partition: '0' })
  }
  const snapshots = [await one.snapshot(), await two.snapshot()]
  assert.deepEqual(figuresOf(snapshots, isInternal), { recordsIn: 10, recordsOut: 4, lag: 6, batches: 2, closed: [] })
})

test('without metrics all is nought', () => {
  assert.deepEqual(figuresOf([], isInternal), { recordsIn: 0, recordsOut: 0, lag: 0, batches: 0, closed: [] })
})

test('closed windows add up over workers, with the latest end of all', async () => {
  const [one, two] = [new PromMetrics(), new PromMetrics()]
  for (const [partition, metrics] of [one, two].entries()) {
    metrics.add('caudal_windows_closed_total', 3, { store: 'hours' })
    metrics.set('caudal_window_end_seconds', 7_200 - partition * 3_600, { store: 'hours', partition: String(partition) })
  }
  const { closed } = figuresOf([await one.snapshot(), await two.snapshot()], isInternal)
  assert.deepEqual(closed, [{ store: 'hours', windows: 6, end: 7_200_000 }])
})

test('rates are over the last five seconds', async () => {
  const metrics = new PromMetrics()
  const observer = new Observer(isInternal)
  const rateAt = async (at: number) => observer.observe(status, [await metrics.snapshot()], at).inPerSecond
  assert.equal(await rateAt(0), 0)
  metrics.add('caudal_records_in_total', 1_000, { topic: 'purchases' })
  assert.equal(await rateAt(2_000), 500)
  metrics.add('caudal_records_in_total', 600, { topic: 'purchases' })
  assert.equal(await rateAt(5_000), 320)
  assert.equal(await rateAt(7_000), 120)
  assert.equal(await rateAt(13_000), 0)
})
