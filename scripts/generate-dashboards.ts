/** Writes config/grafana/*.json: dashboards as Grafana imports or provisions them, made of `dashboards.ts`. */
import { writeFileSync } from 'node:fs'
import { type Dashboard, dashboards, type Panel, type Query } from './dashboards.ts'

const datasource = { type: 'prometheus', uid: '${datasource}' }
/** Of Grafana's 24 columns. */
const widths = { stat: 4, table: 12, timeseries: 12 } as const
const heights = { stat: 4, table: 8, timeseries: 8 } as const
const columns = 24

/** The JSON of one dashboard, as it is committed. */
export function dashboardJson(dashboard: Dashboard): string {
  const { name, title, description } = dashboard
  const json = {
    uid: `caudal-${name}`,
    title,
    description,
    tags: ['caudal'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    links: [{ type: 'dashboards', title: 'caudal', tags: ['caudal'], asDropdown: false, includeVars: true, keepTime: true }],
    templating: { list: variables(dashboard) },
    panels: panels(dashboard),
  }
  return `${JSON.stringify(json, null, 2)}\n`
}

function variables({ variables: own }: Dashboard): readonly object[] {
  const choice = (name: string, query: string) => ({
    name,
    type: 'query',
    datasource,
    query: { query, refId: name },
    refresh: 2,
    sort: 3,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  })
  return [
    { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', refresh: 1, current: {} },
    choice('topology', 'label_values(caudal_tasks, topology)'),
    ...Object.entries(own).map(([label, metric]) => choice(label, `label_values(${metric}{topology=~"$topology"}, ${label})`)),
  ]
}

/** Rows one below the other, panels from left to right. */
function panels({ rows }: Dashboard): readonly object[] {
  const placed: object[] = []
  let y = 0
  const id = () => placed.length + 1
  for (const { title, panels: own } of rows) {
    placed.push({ id: id(), type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: columns, h: 1 }, panels: [] })
    y += 1
    let [x, rowHeight] = [0, 0]
    for (const panel of own) {
      const type = panel.kind ?? 'timeseries'
      const [w, h] = [widths[type], heights[type]]
      if (x + w > columns) [x, y, rowHeight] = [0, y + rowHeight, 0]
      placed.push({ id: id(), type, ...panelJson(panel), gridPos: { x, y, w, h } })
      x += w
      rowHeight = Math.max(rowHeight, h)
    }
    y += rowHeight
  }
  return placed
}

function panelJson(panel: Panel): object {
  const { title, description, unit, queries } = panel
  return {
    title,
    description,
    datasource,
    fieldConfig: { defaults: { unit, ...(unit === 'dateTimeAsIso' ? {} : { min: 0 }), ...looks(panel) }, overrides: [] },
    options: options(panel),
    targets: queries.map((query, index) => target(panel, query, String.fromCharCode(65 + index))),
    ...(panel.kind === 'table' ? { transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }] } : {}),
  }
}

function looks({ thresholds, kind, isStacked }: Panel): object {
  const [yellow, red] = thresholds ?? []
  const steps = [
    { color: 'green', value: null },
    ...(yellow === undefined ? [] : [{ color: 'yellow', value: yellow }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ]
  if (kind !== undefined) return { thresholds: { mode: 'absolute', steps } }
  const custom = {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: isStacked ? 30 : 8,
    showPoints: 'never',
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'dashed' },
  }
  return { color: { mode: 'palette-classic' }, custom, thresholds: { mode: 'absolute', steps } }
}

function options({ kind }: Panel): object {
  if (kind === 'table') return { showHeader: true, cellHeight: 'sm' }
  if (kind === 'stat')
    return {
      colorMode: 'value',
      graphMode: 'area',
      justifyMode: 'auto',
      textMode: 'value',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    }
  return {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  }
}

function target({ kind }: Panel, { expr, legend }: Query, refId: string): object {
  const shape = kind === 'table' ? { instant: true, range: false, format: 'table' } : { range: true, format: 'time_series' }
  return { refId, datasource, editorMode: 'code', expr, legendFormat: legend, ...shape }
}

if (import.meta.main) {
  for (const dashboard of dashboards)
    writeFileSync(new URL(`../config/grafana/${dashboard.name}.json`, import.meta.url), dashboardJson(dashboard))
}
