import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { Redis } from 'ioredis'
import { RedisScripts } from '../../../service/state/redis-scripts.ts'

/** Knows the scripts that it was sent whole, and notes how it was called. */
class StandIn extends EventEmitter {
  readonly calls: string[] = []
  knows = 0

  callBuffer(command: string, [body, , meta]: readonly unknown[]): Promise<unknown> {
    this.calls.push(`${command} ${String(meta)}`)
    if (command === 'EVAL') this.knows += 1
    assert.equal(command === 'EVAL', Buffer.isBuffer(body))
    if (command === 'EVALSHA' && this.knows === 0) return Promise.reject(new Error('NOSCRIPT No matching script.'))
    return Promise.resolve([0, '0', []])
  }
}

const id = (partition: number) => ({ application: 'app', store: 'store', partition })
const range = {
  epoch: '1:a',
  at: { position: 1, chunk: 0 },
  orAt: { position: 1, chunk: 1 },
  bucket: Buffer.alloc(8),
  cursor: null,
  entriesMax: 10,
}

test('a script goes whole the first time, and once more for each store partition and after each connection', async () => {
  const client = new StandIn()
  const scripts = new RedisScripts(client as unknown as Redis)
  for (const partition of [0, 0, 1, 0]) await scripts.scan(id(partition), range)
  client.emit('ready')
  await scripts.scan(id(0), range)
  const [zero, one] = ['{app:store:0}:m', '{app:store:1}:m']
  assert.deepEqual(client.calls, [`EVAL ${zero}`, `EVALSHA ${zero}`, `EVAL ${one}`, `EVALSHA ${zero}`, `EVAL ${zero}`])
})

test('a script that Redis has forgotten is sent again', async () => {
  const client = new StandIn()
  const scripts = new RedisScripts(client as unknown as Redis)
  await scripts.scan(id(0), range)
  client.knows = 0
  await scripts.scan(id(0), range)
  assert.deepEqual(
    client.calls.map((call) => call.split(' ')[0]),
    ['EVAL', 'EVALSHA', 'EVAL'],
  )
})
