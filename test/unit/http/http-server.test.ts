import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../../service/clock.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { type HttpServerOptions, startHttpServer } from '../../../service/http/http-server.ts'
import { PromMetrics } from '../../../service/http/prom-metrics.ts'

const metrics = new PromMetrics()
metrics.add('caudal_rebalances_total', 2)
const snapshots = [await metrics.snapshot()]
const waiting = { waitingFor: 'start', worker: null, task: null, since: 0, detail: 'waiting for a broker' } as const
const options: HttpServerOptions = {
  host: '127.0.0.1',
  port: 0,
  application: 'spend',
  description: 'Topology: spend',
  livenessTimeoutMs: 1_000,
  clock: systemClock,
  status: () => ({ state: 'starting', since: 0, workers: [], reasons: [waiting] }),
  metricsSnapshots: () => snapshots,
}

test('the pages answer', async () => {
  const server = await startHttpServer(options)
  const get = async (path: string) => {
    const response = await fetch(server.url + path)
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() }
  }
  try {
    assert.equal((await get('/health/live')).status, 200)
    const ready = await get('/health/ready')
    assert.equal(ready.status, 503)
    assert.deepEqual(JSON.parse(ready.text), {
      ok: false,
      reasons: ['the workers are starting', 'waiting for a broker (since 1970-01-01T00:00:00.000Z)'],
      warnings: [],
    })
    const health = await get('/health')
    assert.deepEqual([health.status, health.type.split(';')[0]], [503, 'application/json'])
    const { live, reasons } = JSON.parse(health.text)
    assert.deepEqual([live, reasons[0].waitingFor, reasons[0].detail], [true, 'start', 'waiting for a broker'])
    const text = await fetch(`${server.url}/health`, { headers: { accept: 'text/plain' } })
    assert.match(await text.text(), /^spend is starting .*\nunready +waiting for a broker/)
    const page = await get('/metrics')
    assert.match(page.type, /^text\/plain; version=0\.0\.4/)
    assert.match(page.text, /caudal_rebalances_total\{topology="spend"\} 2\n/)
    assert.equal((await get('/topology')).text, 'Topology: spend')
    assert.match((await get('/')).text, /caudal · spend · starting/)
    assert.equal((await get('/nothing')).status, 404)
  } finally {
    await server.close()
  }
})

test('a port in use is told by name', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await assert.rejects(startHttpServer({ ...options, port }), (error: unknown) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(error.message, new RegExp(`http\\.port: ${port} on 127\\.0\\.0\\.1 is in use`))
    return true
  })
  other.close()
})
