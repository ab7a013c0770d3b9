import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, describe, it, type TestContext } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { ConfigurationError, FatalError, StoreUnavailableError } from '../../service/errors.ts'
import { type LogFields, silentLog } from '../../service/log.ts'
import { RedisStoreBackend } from '../../service/state/redis-store.ts'
import type { Chunk, StoreHandle } from '../../service/state/store-backend.ts'
import { redisKeys } from '../../service/topology/names.ts'
import { redisClient } from '../support/logins.ts'

const url = process.env['CAUDAL_TEST_REDIS']
const application = `redis-store-${process.pid}-${Date.now()}`
let stores = 0

/** A line to Redis that can be cut, that can swallow or hold answers, and change them. */
class Line {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #held: (() => void)[] | null = null
  /** How many there were. */
  connections = 0
  /** What becomes of an answer. */
  onAnswer: (bytes: Buffer) => Buffer = (bytes) => bytes
  constructor(host: string, port: number) {
    this.#server = net.createServer((client) => {
      this.connections += 1
      const redis = net.connect(port, host)
      for (const socket of [client, redis]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          client.destroy()
          redis.destroy()
        })
      }
      client.pipe(redis)
      redis.on('data', (bytes) => {
        const answer = this.onAnswer(bytes)
        const deliver = () => void (client.destroyed || client.write(answer))
        if (this.#held === null) deliver()
        else this.#held.push(deliver)
      })
    })
  }
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `redis://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }
  /** Holds all answers from now on. */
  hold(): void {
    this.#held = []
  }
  deliver(): void {
    for (const deliver of this.#held ?? []) deliver()
    this.#held = null
  }
  /** What was held is lost; answers on new connections come. */
  swallow(): void {
    this.#held = null
  }
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
  close(): void {
    this.#server.close()
    this.cut()
  }
}

/** Repeats `act` while Redis is unavailable, at most for five seconds. */
async function untilAvailable<T>(act: () => Promise<T>): Promise<T> {
  const deadline = systemClock.monotonic() + 5000
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || systemClock.monotonic() > deadline) throw error
      await systemClock.sleep(10)
    }
  }
}

async function setUp(test: TestContext, target: string) {
  const { hostname, port } = new URL(target)
  const line = new Line(hostname, Number(port))
  const lines: string[] = []
  const log = {
    ...silentLog,
    warn: (_: LogFields, text: string) => lines.push(text),
    info: (_: LogFields, text: string) => lines.push(text),
  }
  const backend = new RedisStoreBackend({ url: await line.open(), log, clock: systemClock, commandTimeoutMs: 300 })
  test.after(async () => {
    await backend.close()
    line.close()
  })
  return { line, backend, lines }
}

async function openStore(backend: RedisStoreBackend) {
  const id = { application, store: `s${stores++}`, partition: 0 }
  const handle = await backend.acquire(id, 'topic')
  await handle.rebuild(0)
  return { id, handle }
}

const at = (position: number) => ({ position, chunk: 0 })
const key = Buffer.from('k')
const chunk = (from: number, value: string): Chunk => ({
  from: at(from),
  to: at(from + 1),
  writes: [{ bucket: null, key, value: Buffer.from(value) }],
})
const loaded = async (handle: StoreHandle, position: number): Promise<string | undefined> =>
  (await handle.load(at(position), [{ bucket: null, key }]))[0]?.toString()

function onRedis(target: string): void {
  const client = redisClient(target)
  after(() => client.disconnect())

  it('sends a script whole that Redis has forgotten', async (test) => {
    const { backend } = await setUp(test, target)
    await backend.connect()
    const { handle } = await openStore(backend)
    await client.script('FLUSH')
    await handle.apply(chunk(0, 'a'))
    await client.script('FLUSH')
    assert.equal(await loaded(handle, 1), 'a')
  })

  it('a cut line is unavailable, and comes back by itself', async (test) => {
    const { backend, line, lines } = await setUp(test, target)
    await backend.connect()
    const { handle } = await openStore(backend)
    line.onAnswer = (bytes) => {
      line.cut()
      return bytes
    }
    await assert.rejects(handle.apply(chunk(0, 'a')), StoreUnavailableError)
    await assert.rejects(loaded(handle, 0), StoreUnavailableError)
    line.onAnswer = (bytes) => bytes
    // The chunk was applied, though its answer was lost: the repeat finds it done.
    await untilAvailable(() => handle.apply(chunk(0, 'a')))
    assert.equal(await loaded(handle, 1), 'a')
    assert.ok(lines.every((text, index) => text === ['Redis is away; trying again', 'Redis is back'][index % 2]))
  })

  it('what was on a line that is cut is not sent again, nor is anything kept for the next one', async (test) => {
    const { backend, line } = await setUp(test, target)
    await backend.connect()
    const { handle } = await openStore(backend)
    line.onAnswer = (bytes) => {
      line.onAnswer = (next) => next
      line.cut()
      return bytes
    }
    await assert.rejects(handle.apply(chunk(0, 'a')), StoreUnavailableError)
    await assert.rejects(handle.apply(chunk(0, 'a')), StoreUnavailableError)
    await untilAvailable(() => handle.apply(chunk(0, 'a')))
  })

  it('an answer that comes late is unavailable after the time-out, and taken for no other', async (test) => {
    const { backend, line } = await setUp(test, target)
    await backend.connect()
    const { handle } = await openStore(backend)
    line.hold()
    await assert.rejects(handle.apply(chunk(0, 'a')), /timed out/)
    line.deliver()
    await handle.apply(chunk(0, 'a'))
    assert.equal(await loaded(handle, 1), 'a')
  })

  it('a line that swallows everything is given up', async (test) => {
    const { backend, line } = await setUp(test, target)
    await backend.connect()
    const { handle } = await openStore(backend)
    line.hold()
    await assert.rejects(handle.apply(chunk(0, 'a')), /timed out/)
    const closed = untilAvailable(() => handle.apply(chunk(0, 'a')))
    while (line.connections < 2) await systemClock.sleep(5)
    line.swallow()
    await closed
    assert.equal(await loaded(handle, 1), 'a')
  })

  it('refuses a Redis that evicts', async (test) => {
    const { backend, line } = await setUp(test, target)
    line.onAnswer = (bytes) => Buffer.from(bytes.toString('latin1').replace('policy:noeviction', 'policy:volatileXX'), 'latin1')
    await assert.rejects(backend.connect(), (error: unknown) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /maxmemory-policy volatileXX.*noeviction/)
      return true
    })
  })

  it('a key of another kind in the way is fatal, and nothing is changed', async (test) => {
    const { backend } = await setUp(test, target)
    await backend.connect()
    const { id, handle } = await openStore(backend)
    await client.set(redisKeys(id).entries, 'x')
    await assert.rejects(
      handle.apply(chunk(0, 'a')),
      (error: unknown) => error instanceof FatalError && error.message.includes('WRONGTYPE'),
    )
    assert.equal(await client.hget(redisKeys(id).meta, 'marker'), '0:0')
  })
}

describe('redis store', () => {
  it('says so where nobody listens, without the password', async () => {
    const { port } = await new Promise<net.AddressInfo>((resolve) => {
      const server = net.createServer().listen(0, '127.0.0.1', () => {
        const address = server.address() as net.AddressInfo
        server.close(() => resolve(address))
      })
    })
    const backend = new RedisStoreBackend({
      url: `redis://:secret@127.0.0.1:${port}`,
      log: silentLog,
      clock: systemClock,
      commandTimeoutMs: 300,
    })
    await assert.rejects(backend.connect(), (error: unknown) => {
      assert.ok(error instanceof StoreUnavailableError)
      assert.match(error.message, new RegExp(`redis://127.0.0.1:${port}`))
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    await assert.rejects(backend.acquire({ application, store: 's', partition: 0 }, 'topic'), StoreUnavailableError)
    await backend.close()
  })

  if (url === undefined) it('on a real Redis', { skip: 'CAUDAL_TEST_REDIS is not set: no Redis to test on' }, () => {})
  else onRedis(url)
})
