/** The figures of a worker, read off whole processes: what a batch adds, what is as of now, and what leaves with a task. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PromMetrics } from '../../../service/http/prom-metrics.ts'
import { json, stream, topology, tumbling } from '../../../service/index.ts'
import type { Labels } from '../../../service/metrics.ts'
import { numbers } from '../../support/numbers.ts'
import { onBed, running } from '../../support/process-bed.ts'

interface Read {
  readonly name: string
  readonly values: readonly { readonly metricName?: string; readonly labels: Labels; readonly value: number }[]
}

/** The samples of a metric, each as its labels' values and its own. */
async function samplesOf(metrics: PromMetrics, name: string): Promise<readonly (readonly (string | number)[])[]> {
  const all = (await metrics.snapshot()) as readonly Read[]
  return all.flatMap(({ values }) =>
    values.filter((sample) => (sample.metricName ?? '') === name).map(({ labels, value }) => [...Object.values(labels), value]),
  )
}

async function gaugeOf(metrics: PromMetrics, name: string): Promise<readonly (readonly (string | number)[])[]> {
  const all = (await metrics.snapshot()) as readonly Read[]
  const { values } = all.find((metric) => metric.name === name) ?? assert.fail(name)
  return values.map(({ labels, value }) => [...Object.values(labels), value])
}

const windows = topology(
  'windows',
  stream('in', { value: json<number>(), time: (value) => value, lateness: 0 })
    .byKey()
    .window(tumbling(1000))
    .sum('sums', (value) => value)
    .emit('append')
    .to('out', { value: json() }),
)

describe('the figures of a worker', () => {
  test('a batch has each of its parts once, and the latency of the first record of each partition', () =>
    onBed({ topology: numbers, partitions: 2 }, async (bed) => {
      const metrics = new PromMetrics()
      bed.start({ instanceId: null, metrics })
      await bed.until('it runs', running(bed, 2))
      bed.send('in', { key: 'a', value: 1 }, { key: 'a', value: 2 }, { key: 'b', value: 1, partition: 1 })
      await bed.drained('in', 2)
      const [committed = 0] = (await gaugeOf(metrics, 'caudal_transactions_total')).flatMap(([outcome, count]) =>
        outcome === 'committed' ? Number(count) : [],
      )
      assert.ok(committed > 0)
      const parts = await samplesOf(metrics, 'caudal_batch_part_duration_seconds_count')
      const expected = ['cut', 'decode', 'load', 'run', 'produce', 'commit'].map((part) => [part, committed])
      assert.deepEqual(parts, expected)
      assert.deepEqual(await samplesOf(metrics, 'caudal_batch_duration_seconds_count'), [[committed]])
      const [latencies] = await samplesOf(metrics, 'caudal_end_to_end_latency_seconds_count')
      assert.equal(latencies?.[0], '0')
      assert.ok(Number(latencies?.[1]) >= 2)
      const read = (await gaugeOf(metrics, 'caudal_records_in_total')).toSorted((a, b) => String(a).localeCompare(String(b)))
      assert.deepEqual(read, [
        ['in', '0', '0', 2],
        ['in', '0', '1', 1],
      ])
    }))

  test('entries and watermarks are as of now', () =>
    onBed({ topology: windows }, async (bed) => {
      const metrics = new PromMetrics()
      bed.start({ instanceId: null, metrics })
      await bed.until('it runs', running(bed, 1))
      assert.deepEqual(await gaugeOf(metrics, 'caudal_watermark_seconds'), [])
      bed.send('in', { key: 'a', value: 100 }, { key: 'b', value: 200 }, { key: 'a', value: 500 })
      await bed.drained('in')
      await bed.pass(1_100)
      assert.deepEqual(await gaugeOf(metrics, 'caudal_watermark_seconds'), [['0', '0', 0.5]])
      const [lag] = await gaugeOf(metrics, 'caudal_watermark_lag_seconds')
      const expected = bed.clock.now() / 1000 - 0.5
      assert.ok(Math.abs(Number(lag?.[2]) - expected) < 2, `${lag?.[2]}, not ${expected}`)
      assert.deepEqual(await gaugeOf(metrics, 'caudal_state_entries'), [['sums', '0', 2]])
      assert.deepEqual(await gaugeOf(metrics, 'caudal_lag_records'), [['in', '0', '0', 0]])
      bed.send('in', { key: 'a', value: 3_000 })
      await bed.drained('in')
      await bed.pass(1_100)
      assert.deepEqual(await gaugeOf(metrics, 'caudal_state_entries'), [['sums', '0', 1]], 'two windows have closed')
    }))

  test('a task that moves takes its figures with it', () =>
    onBed({ topology: windows, partitions: 2 }, async (bed) => {
      const [one, other] = [new PromMetrics(), new PromMetrics()]
      bed.start({ instanceId: null, metrics: one })
      await bed.until('it runs', running(bed, 2))
      await bed.pass(1_100)
      assert.equal((await gaugeOf(one, 'caudal_lag_records')).length, 2)
      bed.start({ instanceId: null, metrics: other })
      await bed.until('each has one', () => bed.processes.every((process) => process.running.length === 1))
      await bed.pass(1_100)
      for (const metrics of [one, other]) assert.equal((await gaugeOf(metrics, 'caudal_lag_records')).length, 1)
    }))

  test('a backend that is away shows in bytes, in seconds and in failures, until it is back', () =>
    onBed({ topology: numbers }, async (bed) => {
      const metrics = new PromMetrics()
      bed.start({ instanceId: null, store: 'scripted', metrics })
      await bed.until('it runs', running(bed, 1))
      bed.store.fault = (script) => (script === 'apply' ? 'before' : 'none')
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      await bed.pass(5_000)
      bed.send('in', { key: 'a', value: 2 })
      await bed.drained('in')
      const [seconds] = await gaugeOf(metrics, 'caudal_apply_lag_seconds')
      const [bytes] = await gaugeOf(metrics, 'caudal_apply_lag_bytes')
      const [failures] = await gaugeOf(metrics, 'caudal_apply_failures_total')
      assert.ok(Number(seconds?.[2]) >= 3, String(seconds))
      assert.ok(Number(bytes?.[2]) > 0)
      assert.ok(Number(failures?.[1]) > 1)
      bed.store.fault = () => 'none'
      await bed.pass(5_000)
      bed.send('in', { key: 'a', value: 3 })
      await bed.drained('in')
      await bed.pass(1_100)
      bed.send('in', { key: 'a', value: 4 })
      await bed.drained('in')
      const [after] = await gaugeOf(metrics, 'caudal_apply_lag_seconds')
      assert.ok(Number(after?.[2]) < 1, String(after))
    }))

  test('a restore counts its records and ends at none', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = bed.start({ instanceId: null })
      await bed.until('it runs', running(bed, 1))
      bed.send('in', { key: 'a', value: 1 }, { key: 'b', value: 1 })
      await bed.drained('in')
      await bed.stop(first)
      const metrics = new PromMetrics()
      bed.start({ instanceId: null, metrics })
      await bed.until('it runs again', () => bed.processes[1]?.running.length === 1)
      const [store = '', restored] = (await gaugeOf(metrics, 'caudal_restored_records_total'))[0] ?? []
      assert.ok(Number(restored) >= 3, 'two entries and a progress record at least')
      assert.deepEqual(await gaugeOf(metrics, 'caudal_restore_remaining_records'), [[store, '0', 0]])
      assert.deepEqual(await samplesOf(metrics, 'caudal_restore_duration_seconds_count'), [[store, 1]])
    }))
})
