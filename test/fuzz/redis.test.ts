import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { systemClock } from '../../service/clock.ts'
import { CaudalError, FatalError } from '../../service/errors.ts'
import { silentLog } from '../../service/log.ts'
import { RedisScripts } from '../../service/state/redis-scripts.ts'
import { RedisStoreBackend } from '../../service/state/redis-store.ts'
import { ScriptBackend } from '../../service/state/script-backend.ts'
import type { StoreHandle } from '../../service/state/store-backend.ts'
import { noise, samples } from '../support/fuzz.ts'

const id = { application: 'app', store: 'sums', partition: 3 }
const marker = { position: 10, chunk: 0 }
/** A store at the marker 10:0, under leader epoch 3, current 100 ms ago. */
const acquired = [0, Buffer.from('1:n'), Buffer.from('10:0'), 3, 100]
const range = { bucket: Buffer.alloc(8), cursor: null, entriesMax: 10 }
const write = { bucket: null, key: Buffer.from('k'), value: Buffer.from('v') }

/** All that is asked of a store, with a check of what comes of it. */
const calls: Readonly<Record<string, (handle: StoreHandle) => Promise<void>>> = {
  load: async (handle) => {
    const values = await handle.load(marker, [write])
    assert.ok(values.length === 1 && values.every((value) => value === null || Buffer.isBuffer(value)))
  },
  counts: async (handle) => {
    const { keyed, buckets } = await handle.counts(marker, null)
    assert.ok(keyed >= 0 && buckets.every(({ bucket, entries }) => bucket.length === 8 && entries >= 0))
  },
  scan: async (handle) => {
    const { entries } = await handle.scan(marker, range)
    assert.ok(entries.every(({ key, value }) => Buffer.isBuffer(key) && Buffer.isBuffer(value)))
  },
  apply: (handle) => handle.apply({ from: marker, to: { position: 11, chunk: 0 }, writes: [write] }),
  confirm: (handle) => handle.confirm(marker, 0),
  rebuild: (handle) => handle.rebuild(10),
}

/** What a server may answer: each kind of RESP, nested, and errors. */
const scalar = fc.oneof(
  fc.integer(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('0', '1', '99999999999999999999', '1:x', '10:0', '-1', 'rebuilding', '').map((text) => Buffer.from(text)),
  fc.string(),
)
const reply: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  fc.array(fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), { maxLength: 4 }),
  fc.tuple(
    fc.constantFrom(0, 1, 2, 3, 4, -1),
    fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    scalar,
  ),
  fc.constantFrom('WRONGTYPE Operation against a key', 'ERR unknown', 'NOPERM no', '').map((message) => new Error(message)),
)

/** Answers each script with the next of these, and in the end with an error. */
class AnyServer extends EventEmitter {
  replies: unknown[] = []
  callBuffer(): Promise<unknown> {
    const next = this.replies.length > 0 ? this.replies.shift() : new Error('ERR no more')
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
  }
}

const isOurs = (error: unknown) => error instanceof CaudalError && /sums of partition 3|store sums/i.test(error.message)

describe('replies of Redis', () => {
  test('whatever is answered to a script is what it asked for, or an error that names the store', async (t) => {
    const counts = { read: 0, refused: 0 }
    const inputs = samples(4_000, [fc.constantFrom(...Object.keys(calls)), fc.array(reply, { minLength: 1, maxLength: 3 })])
    for (const [name, replies] of inputs) {
      const server = new AnyServer()
      server.replies = [acquired, ...replies]
      const handle = await new ScriptBackend('redis', new RedisScripts(server as unknown as Redis), systemClock).acquire(id, 't')
      try {
        await calls[name]?.(handle)
        counts.read += 1
      } catch (error) {
        if (!isOurs(error)) throw new Error(`${name} of ${JSON.stringify(replies)}`, { cause: error })
        counts.refused += 1
      }
    }
    t.diagnostic(JSON.stringify(counts))
    assert.ok(counts.read > 0 && counts.refused > 0)
  })

  test('an acquired store has a marker that can be, or is built anew, or it is an error', async () => {
    for (const [answer] of samples(2_000, [reply])) {
      const server = new AnyServer()
      server.replies = [answer]
      try {
        const { marker: found, untrusted } = await new ScriptBackend(
          'redis',
          new RedisScripts(server as unknown as Redis),
          systemClock,
        ).acquire(id, 't')
        assert.ok(found === null ? untrusted !== null : found.position >= 0 && found.chunk >= 0)
      } catch (error) {
        if (!isOurs(error)) throw new Error(`acquire of ${JSON.stringify(answer)}`, { cause: error })
      }
    }
  })

  test('a rebuild that is told of more buckets, and of none, ends', async () => {
    const server = new AnyServer()
    server.replies = [acquired, ...Array.from({ length: 50 }, () => [3, []])]
    const handle = await new ScriptBackend('redis', new RedisScripts(server as unknown as Redis), systemClock).acquire(id, 't')
    await assert.rejects(handle.rebuild(1), FatalError)
  })

  test('a server that is no Redis is an error of ours to whoever connects', { timeout: 120_000 }, async (t) => {
    const uncaught: unknown[] = []
    const note = (error: unknown) => void uncaught.push(error)
    process.on('uncaughtException', note)
    t.after(() => process.off('uncaughtException', note))
    const lines = fc
      .array(
        fc.constantFrom(
          '$2147483647\r\n',
          '*1000000000\r\n',
          '$-5\r\n',
          '*-7\r\n',
          ':x\r\n',
          '+OK\r\n',
          '*2\r\n*2\r\n',
          '-ERR\r\n',
          '$3\r\nabcdef',
        ),
      )
      .map((parts) => Buffer.from(parts.join(''))) // prettier-ignore
    const before = process.memoryUsage().rss
    const verdicts = new Map<string, number>()
    // More than one reply that nobody asked for, in one piece.
    const strays = Buffer.from('+OK\r\n$-1\r\n$-1\r\n*-1\r\n')
    for (const [bytes] of [[strays] as const, ...samples(100, [fc.oneof(noise, lines)])]) {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.end(bytes))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      const url = `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
      const backend = new RedisStoreBackend({ url, log: silentLog, clock: systemClock, commandTimeoutMs: 200 })
      try {
        await backend.connect()
        assert.fail('it took that for a Redis')
      } catch (error) {
        assert.ok(error instanceof CaudalError, error instanceof Error ? error.stack : String(error))
        verdicts.set(error.name, (verdicts.get(error.name) ?? 0) + 1)
      } finally {
        await backend.close()
        server.close()
      }
    }
    assert.deepEqual(uncaught, [])
    assert.ok(process.memoryUsage().rss - before < 500e6)
    t.diagnostic(JSON.stringify(Object.fromEntries(verdicts)))
  })
})
