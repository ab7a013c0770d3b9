/**
 * A process of its own that starts the sandbox's servers and ends them with their owner: the owner holds the other end of its standard
 * input, which closes however the owner dies. Usage: `node guardian.ts <directory to remove in the end>`; one JSON object a line each way.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { FromGuardian, ToGuardian } from './guarded-processes.ts'

const directory = process.argv[2]
if (directory === undefined) throw new RangeError('usage: node guardian.ts <directory>')
const children = new Set<ChildProcess>()

// Ctrl-C reaches every process of the terminal; here only the owner decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
// The owner may be gone before it read everything; the end of the input says so, too.
process.stdout.on('error', () => {})

const tell = (message: FromGuardian) => void process.stdout.write(`${JSON.stringify(message)}\n`)

function start({ id, command, args, log }: ToGuardian): void {
  const output = openSync(log, 'a')
  const child = spawn(command, args, { stdio: ['ignore', output, output] })
  closeSync(output)
  children.add(child)
  child.once('spawn', () => tell({ kind: 'started', id, pid: child.pid ?? -1 }))
  child.once('error', (error) => ended(child, { kind: 'exited', id, how: error.message }))
  child.once('exit', (code, signal) => ended(child, { kind: 'exited', id, how: signal ?? `exit code ${code}` }))
}

function ended(child: ChildProcess, message: FromGuardian): void {
  if (!children.delete(child)) return
  tell(message)
  if (closing && children.size === 0) leave()
}

let closing = false
function close(): void {
  closing = true
  for (const child of children) child.kill('SIGKILL')
  if (children.size === 0) leave()
}

function leave(): void {
  rmSync(directory as string, { recursive: true, force: true, maxRetries: 3 })
  process.exit(0)
}

createInterface({ input: process.stdin })
  .on('line', (line) => start(JSON.parse(line) as ToGuardian))
  .on('close', close)
