/** Processes under a guardian end with their owner, however it ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { GuardedProcesses } from '../../../service/sandbox/guarded-processes.ts'
import { isRunning, until } from '../../support/processes.ts'

const owner = `
import { GuardedProcesses } from ${JSON.stringify(join(import.meta.dirname, '../../../service/sandbox/guarded-processes.ts'))}
const processes = new GuardedProcesses(process.argv[1])
const { pid } = await processes.start('sleep', ['600'], process.argv[1] + '/log')
console.log(pid)
if (process.argv[2] === 'stay') setInterval(() => {}, 1000)
`

const directory = () => mkdtempSync(join(tmpdir(), 'caudal-guardian-test-'))

/** Runs the owner; resolves with the id of the process that it started. */
async function startOwner(directory: string, what: 'stay' | 'end') {
  const child = spawn(process.execPath, ['--input-type=module', '-e', owner, directory, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const pid = await new Promise<number>((resolve) =>
    createInterface({ input: child.stdout }).once('line', (line) => resolve(Number(line))),
  )
  return { child, exited, pid }
}

test('an owner that is killed takes its processes and their directory along', async () => {
  const data = directory()
  const { child, pid } = await startOwner(data, 'stay')
  assert.ok(isRunning(pid))
  child.kill('SIGKILL')
  await until(() => !isRunning(pid), 'the process ended')
  await until(() => !existsSync(data), 'the directory is gone')
})

test('an owner that has nothing left to do ends, and its processes with it', async () => {
  const data = directory()
  const { exited, pid } = await startOwner(data, 'end')
  assert.equal(await exited, 0)
  await until(() => !isRunning(pid), 'the process ended')
})

test('close ends all processes before it resolves', async () => {
  const data = directory()
  const processes = new GuardedProcesses(data)
  const { pid } = await processes.start('sleep', ['600'], join(data, 'log'))
  await processes.close()
  assert.equal(isRunning(pid), false)
  assert.equal(existsSync(data), false)
})

test('output goes to the log, and the end of a process is told', async () => {
  const data = directory()
  const processes = new GuardedProcesses(data)
  const log = join(data, 'log')
  const child = await processes.start('sh', ['-c', 'echo said; exit 3'], log)
  assert.equal(await child.ended(), 'exit code 3')
  assert.equal(child.end, 'exit code 3')
  assert.equal(readFileSync(log, 'utf8'), 'said\n')
  await processes.close()
})

test('a command that does not exist is an error with its name', async () => {
  const data = directory()
  const processes = new GuardedProcesses(data)
  await assert.rejects(processes.start('no-such-command', [], join(data, 'log')), /no-such-command/)
  await processes.close()
})
