/** What Prometheus and Grafana are given, on a real Prometheus: a live worker feeds every panel, and every alert does what it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dashboards, type Query } from '../../scripts/dashboards.ts'
import { noPrometheus, Prometheus, prometheusConfig, promtool } from '../support/prometheus.ts'
import { noKafka, servers } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

/** Metrics that a topology need not have, and that the one of this test has: panels of these may not be empty here. */
const fed = /caudal_(watermark_lag_seconds|watermark_seconds|windows_closed_total|records_dead_lettered_total)\b/
const queries = dashboards.flatMap(({ name, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap((panel) => panel.queries.map((query) => ({ ...query, at: `${name}: ${panel.title}` }))),
  ),
)

/** As Grafana asks, with all chosen. */
const asked = ({ expr }: Query) => expr.replaceAll('$__rate_interval', '10s').replaceAll(/"\$\w+"/g, '".*"')

test('promtool finds nothing wrong with the configuration and the alerts', { skip: noPrometheus }, () => {
  assert.match(promtool(['check', 'config', `${prometheusConfig}/prometheus.yml`]), /valid prometheus config/)
  assert.match(promtool(['check', 'rules', 'alerts.yml']), /\d rules found/)
})

test('each alert fires when it should, and not before', { skip: noPrometheus }, () => {
  assert.match(promtool(['test', 'rules', 'alerts.test.yml']), /SUCCESS/)
})

test('a live worker feeds every panel and every rule', { skip: noPrometheus || noKafka }, async (test) => {
  const { redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  const flags = { workers: 2 }
  const stage = await Stage.set({ test, name: 'watched', topology: 'watched.ts', redisUrl, instances: ['watched'], flags })
  const [worker] = stage.workers
  assert.ok(worker)
  worker.start()
  await stage.settled()
  stage.input.flow(500)
  await stage.processesEverywhere()
  const prometheus = await Prometheus.start(test, new URL(worker.url).host)
  const value = async (expr: string) => Number((await prometheus.query(expr))[0]?.value[1] ?? Number.NaN)

  // The figures reach the page once a second, and a rate takes two of them.
  await stage.until(async () => (await value('count_over_time(up[1m])')) >= 5, 'it was scraped five times')
  await stage.until(async () => (await value('sum(rate(caudal_records_in_total[10s]))')) > 0, 'the figures move')
  const empty: string[] = []
  for (const query of queries) {
    const expr = asked(query)
    assert.doesNotMatch(expr, /\$/)
    const samples = await prometheus.query(expr)
    if (samples.length === 0 && (query.mayBeEmpty === undefined || fed.test(expr))) empty.push(`${query.at}: ${expr}`)
  }
  assert.deepEqual(empty, [])
  for (const { variables } of dashboards)
    for (const [label, metric] of Object.entries({ ...variables, topology: 'caudal_tasks' }))
      assert.ok((await prometheus.query(`count by (${label}) (${metric}{${label}!=""})`)).length > 0, `${label} of ${metric}`)

  const rules = async () => prometheus.rules()
  await stage.until(async () => (await rules()).every(({ health }) => health !== 'unknown'), 'every rule was evaluated')
  const found = await rules()
  assert.deepEqual(
    found.filter(({ health }) => health !== 'ok'),
    [],
  )
  const firing = found.filter(({ state }) => state === 'firing').map(({ name }) => name)
  assert.deepEqual(firing, ['CaudalDeadLetters'], 'every seventh record is one')

  assert.equal(promtool(['check', 'metrics'], await worker.metrics()), '')
  await stage.stop()
})
