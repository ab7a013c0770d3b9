/** The dashboards and alerts that are committed: made of their source, and of metrics that there are. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { dashboards } from '../../scripts/dashboards.ts'
import { dashboardJson } from '../../scripts/generate-dashboards.ts'
import { counters, gauges, histograms } from '../../service/metrics.ts'

const config = join(import.meta.dirname, '../../config')
const series = new Set([
  ...Object.keys({ ...counters, ...gauges }),
  ...Object.keys(histograms).flatMap((name) => [`${name}_bucket`, `${name}_sum`, `${name}_count`]),
])
const unknown = (text: string) => [...text.matchAll(/\bcaudal_\w+/g)].map(([name]) => name).filter((name) => !series.has(name))

test('config/grafana holds the dashboards of scripts/dashboards.ts, and no others', () => {
  const files = globSync('grafana/*.json', { cwd: config }).map((file) => basename(file, '.json'))
  assert.deepEqual(files.toSorted(), dashboards.map(({ name }) => name).toSorted())
  for (const dashboard of dashboards) {
    const committed = readFileSync(join(config, `grafana/${dashboard.name}.json`), 'utf8')
    assert.ok(
      committed === dashboardJson(dashboard),
      `run node scripts/generate-dashboards.ts: ${dashboard.name}.json is another`,
    )
  }
})

test('each panel says what it shows, of metrics that there are', () => {
  const panels = dashboards.flatMap(({ rows }) => rows.flatMap((row) => row.panels))
  assert.ok(panels.length > 40)
  for (const { title, description, queries } of panels) {
    assert.match(description, /^[A-Z].*\.$/, title)
    assert.deepEqual(
      queries.flatMap(({ expr }) => unknown(expr)),
      [],
      title,
    )
  }
  const choices = dashboards.flatMap(({ variables }) => Object.values(variables))
  assert.deepEqual(choices.flatMap(unknown), [])
})

test('the alerts ask for metrics that there are, and each is named in the tests of promtool', () => {
  const alerts = readFileSync(join(config, 'prometheus/alerts.yml'), 'utf8')
  assert.deepEqual(unknown(alerts), [])
  const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? '')
  assert.ok(names.length > 6)
  const tested = readFileSync(join(config, 'prometheus/alerts.test.yml'), 'utf8')
  assert.deepEqual(
    names.filter((name) => tested.split(`alertname: ${name}\n`).length < 3),
    [],
    'twice each: it fires, and it does not',
  )
})
