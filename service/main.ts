#!/usr/bin/env node
/** The composition root: gives the command line its clock, terminal, log, Kafka, sandbox and HTTP server, and exits with its code. */
import { readFileSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { caudal } from './cli/caudal.ts'
import { showCursor } from './cli/live-view.ts'
import type { Parts, Terminal } from './cli/parts.ts'
import { systemClock } from './clock.ts'
import { pinoLog } from './pino-log.ts'

// A restart is a failover: compiling the sources anew would be most of it. Threads take the folder from the environment.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache')
enableCompileCache(process.env['NODE_COMPILE_CACHE'])

const { stdout, stderr } = process

const terminal: Terminal = {
  interactive: stdout.isTTY && process.env['TERM'] !== 'dumb',
  columns: () => stdout.columns ?? 80,
  rows: () => stdout.rows ?? 24,
  write: (text) => void stdout.write(text),
  complain: (line) => void stderr.write(`${line}\n`),
}

const stopHandlers = new Set<() => void>()
let isOutputLost = false
// Whoever read our output has gone (`| head`), or its disk is full: what is to be shown is lost, so a run is stopped as by a signal.
stdout.on('error', ({ message }) => {
  if (isOutputLost) return
  isOutputLost = true
  if (stopHandlers.size === 0) process.exit(1)
  terminal.complain(`caudal: standard output takes no more (${message}): stopping`)
  for (const handler of stopHandlers) handler()
})
// There is nowhere left to say it.
stderr.on('error', () => {})
// An end by force must not leave the terminal without its cursor.
if (terminal.interactive) process.on('exit', () => stdout.write(showCursor))

const parts: Parts = {
  clock: systemClock,
  directory: process.cwd(),
  environment: process.env,
  terminal,
  version: versionOf(new URL('../package.json', import.meta.url)),
  onSignal,
  exit: (code) => process.exit(code),
  readStandardInput: () => text(process.stdin),
  deliver: (output) => new Promise((resolve) => stdout.write(output, () => resolve())),
  openLog: ({ logLevel: level, logFile: file }) => pinoLog({ level, file }),
  // Imported when they are needed: `--help` and a refused start load no clients.
  loadTopology: async (url, exportName) => (await import('./runtime/load-topology.ts')).loadTopology(url, exportName),
  startSupervisor: async (options) => {
    const { startSupervisor } = await import('./start-supervisor.ts')
    const supervisor = await startSupervisor(options)
    // Now, as whoever is killed later writes nothing any more.
    flushCompileCache()
    return supervisor
  },
  openTestDriver: async (topology, options) => (await import('./runtime/driver.ts')).testDriver(topology, options),
  startHttpServer: async (options) => (await import('./http/http-server.ts')).startHttpServer(options),
  startSandbox: async (options) => (await import('./sandbox/sandbox.ts')).startSandbox(options),
  kafkaWires: async (configuration, log) => {
    const { openKafkaWire } = await import('./adapters.ts')
    return (clientId) => openKafkaWire(configuration, clientId, log)
  },
  memoryWires: async () => {
    const { MemoryKafka } = await import('./memory/memory-kafka.ts')
    const kafka = new MemoryKafka({ clock: systemClock })
    return (clientId) => kafka.wire(clientId)
  },
}

// Nothing is left to wait for when the command has ended: a connection that a library keeps open must not keep the process.
const exitCode = await caudal(process.argv.slice(2), parts)
process.exit(isOutputLost ? 1 : exitCode)

function onSignal(handler: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, handler)
  stopHandlers.add(handler)
  return () => {
    stopHandlers.delete(handler)
    for (const signal of signals) process.off(signal, handler)
  }
}

function versionOf(packageFile: URL): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { readonly version: string }).version
}
