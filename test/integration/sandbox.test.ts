/** The sandbox with real servers: killed ones come back on their ports, and all end with an owner that is killed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { missingForKafka } from '../../service/sandbox/artifacts.ts'
import { isRunning, until } from '../support/processes.ts'

const skip = missingForKafka() ?? false
const owner = `
import { startSandbox } from ${JSON.stringify(join(import.meta.dirname, '../../service/sandbox/sandbox.ts'))}
const sandbox = await startSandbox({ kind: 'processes', progress: () => {} })
const pids = () => JSON.stringify([...sandbox.kafka.pids, ...(sandbox.redis ? [sandbox.redis.pid] : [])])
console.log(pids())
process.stdin.once('data', async () => {
  sandbox.kafka.kill()
  await Promise.all([sandbox.kafka.restart(), sandbox.redis?.restart()])
  console.log(pids())
})
`

test('servers start, restart on their ports, and end with an owner that is killed', { skip }, async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', owner], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const pids = async () => JSON.parse((await lines.next()).value ?? '[]') as number[]
  const first = await pids()
  assert.ok(first.length > 0 && first.every(isRunning), first.join())
  child.stdin.write('restart\n')
  const second = await pids()
  assert.equal(second.length, first.length)
  assert.ok(second.every(isRunning) && !second.some((pid) => first.includes(pid)), second.join())
  child.kill('SIGKILL')
  await until(() => !second.some(isRunning), 'all servers ended')
})
