/** Metrics, health, topology and status over HTTP. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Clock } from '../clock.ts'
import { ConfigurationError } from '../errors.ts'
import type { SupervisorStatus } from '../runtime/running.ts'
import { type Health, healthReport, healthText, liveness, readiness } from './health.ts'
import { metricsPage, processMetrics } from './prom-metrics.ts'
import { statusPage } from './status-page.ts'

export interface HttpServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly application: string
  /** The text of `/topology`. */
  readonly description: string
  readonly livenessTimeoutMs: number
  readonly clock: Clock
  readonly status: () => SupervisorStatus
  readonly metricsSnapshots: () => readonly unknown[]
}

export interface HttpServer {
  /** Without a slash at its end. */
  readonly url: string
  close(): Promise<void>
}

/** @throws ConfigurationError when the address cannot be listened on. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port } = options
  const server = pages(options).listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new ConfigurationError([refusal(error as NodeJS.ErrnoException, options)])
  }
  const bound = server.address() as AddressInfo
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
}

function refusal(error: NodeJS.ErrnoException, { host, port }: HttpServerOptions): string {
  if (error.code === 'EADDRINUSE') return `http.port: ${port} on ${host} is in use; give another one, or 0 for any that is free`
  if (error.code === 'EACCES')
    return `http.port: this process may not listen on ${port}; give one above 1023, or 0 for any that is free`
  return `http.host, http.port: cannot listen on ${host}:${port} (${error.message})`
}

function pages(options: HttpServerOptions): express.Express {
  const { clock, status, description, livenessTimeoutMs, application } = options
  const ownMetrics = processMetrics()
  const app = express()
  app.disable('x-powered-by')
  app.get('/metrics', async (_request, response) => {
    const page = await metricsPage([...options.metricsSnapshots(), await ownMetrics.snapshot()], options.application)
    response.set('content-type', page.contentType).send(page.text)
  })
  app.get('/health', (request, response) => {
    const report = healthReport({ application, status: status(), now: clock.monotonic(), livenessTimeoutMs })
    response.status(report.live && report.ready ? 200 : 503)
    if (request.accepts(['json', 'text']) === 'text') response.type('text/plain').send(healthText(report))
    else response.json(report)
  })
  app.get('/health/live', (_request, response) => answer(response, liveness(status(), clock.monotonic(), livenessTimeoutMs)))
  app.get('/health/ready', (_request, response) => answer(response, readiness(status())))
  app.get('/topology', (_request, response) => void response.type('text/plain').send(description))
  app.get('/', (_request, response) => {
    response.type('text/plain').send(statusPage({ application, status: status() }))
  })
  app.use(
    (_request, response) =>
      void response.status(404).type('text/plain').send('There is no such page; / lists those there are.\n'),
  )
  return app
}

function answer(response: express.Response, health: Health): void {
  response.status(health.ok ? 200 : 503).json(health)
}
