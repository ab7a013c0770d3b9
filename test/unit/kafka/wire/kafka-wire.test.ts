import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { after, test, type TestContext } from 'node:test'
import { ConfigurationError, ConnectionError, FatalError } from '../../../../service/errors.ts'
import { ByteWriter } from '../../../../service/kafka/wire/byte-writer.ts'
import { KafkaWire } from '../../../../service/kafka/wire/kafka-wire.ts'
import { messageCodec } from '../../../../service/kafka/wire/message-codec.ts'
import { type AnswerOf, type Api, apiKey, spokenVersions } from '../../../../service/kafka/wire/messages.ts'
import { bootstrapNode } from '../../../../service/kafka/wire/wire.ts'
import { silentLog } from '../../../../service/log.ts'

/** A request as it arrived. */
interface Arrived {
  readonly api: Api
  readonly version: number
  readonly socket: Socket
  readonly connection: number
  answer<A extends Api>(api: A, body: AnswerOf<A>): void
  answerBytes(body: Buffer): void
}

type Script = (request: Arrived) => void

const names = new Map<number, Api>(Object.entries(apiKey).map(([name, key]) => [key, name as Api]))
const warnings: Error[] = []
process.on('warning', (warning) => warnings.push(warning))
after(() =>
  assert.deepEqual(
    warnings.map(({ name }) => name).filter((name) => name.startsWith('Timeout')),
    [],
  ),
)

/** A broker that answers kafkajs' own question for versions and leaves everything else to `script`. */
async function broker(t: TestContext, script: Script, versions = supportedVersions) {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onFrames(socket, (frame) => {
      const version = frame.readInt16BE(2)
      const answerBytes = (body: Buffer) => socket.write(framed(Buffer.concat([frame.subarray(4, 8), body])))
      const api = names.get(frame.readInt16BE(0)) ?? 'ApiVersions'
      if (api === 'ApiVersions' && version < 3)
        return answerBytes(encoded(api, version, { errorCode: 0, apiKeys: versions, throttleTimeMs: 0 }))
      const answer = <A extends Api>(name: A, body: AnswerOf<A>) =>
        answerBytes(
          Buffer.concat([Buffer.alloc(name === 'ApiVersions' ? 0 : 1), encoded(name, spokenVersions[name].highest, body)]),
        )
      return script({ api, version, socket, connection, answer, answerBytes })
    })
  })
  const port = await listening(server)
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  }
  t.after(close)
  return { address: `127.0.0.1:${port}`, port, sockets, close, connections: () => connections }
}

const supportedVersions = Object.values(apiKey).map((key) => ({ apiKey: key, minVersion: 0, maxVersion: 20 }))

function encoded(api: Api, version: number, body: unknown): Buffer {
  const writer = new ByteWriter()
  messageCodec(api, 'response', version).encode(writer, body)
  return Buffer.concat(writer.finish())
}

function framed(body: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

function onFrames(socket: Socket, receive: (frame: Buffer) => void): void {
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0)
      receive(bytes.subarray(4, end))
      bytes = bytes.subarray(end)
    }
  })
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })

function wireTo(t: TestContext, brokers: readonly string[], connectionTimeoutMs = 2000): KafkaWire {
  const wire = new KafkaWire({ brokers, clientId: 'test', log: silentLog, connectionTimeoutMs })
  t.after(() => wire.close())
  return wire
}

test('brokers that moved away from the addresses of the configuration are found again by those heard of', async (t) => {
  const moved = await broker(t, (request) => request.answer('Metadata', clusterOf(moved.port)))
  const first = await broker(t, (request) => request.answer('Metadata', clusterOf(moved.port)))
  const wire = wireTo(t, [first.address])
  const ask = () => wire.request(bootstrapNode, 'meta', 'Metadata', { topics: [], allowAutoTopicCreation: false })
  await ask()
  await first.close()
  // The connection that was open has to be found closed first.
  await ask().catch(() => {})
  assert.equal((await ask()).brokers[0]?.port, moved.port)
  await moved.close()
  await ask().catch(() => {})
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof ConnectionError)
    assert.ok(error.message.includes(first.address) && error.message.includes(moved.address), error.message)
    return true
  })
})

const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' }
const heartbeatAnswer = { throttleTimeMs: 0, errorCode: 0 }
const clusterOf = (port: number): AnswerOf<'Metadata'> => ({
  throttleTimeMs: 0,
  brokers: [{ nodeId: 1, host: '127.0.0.1', port, rack: null }],
  clusterId: 'c',
  controllerId: 1,
  topics: [],
})

test('a node is known from the answers that pass; each purpose has one connection, shared by requests that come together', async (t) => {
  const { address, port, connections } = await broker(t, (request) => {
    if (request.api === 'Metadata') request.answer('Metadata', clusterOf(port))
    else request.answer('Heartbeat', { throttleTimeMs: 0, errorCode: request.connection })
  })
  const wire = wireTo(t, [address])
  await assert.rejects(wire.request(1, 'group', 'Heartbeat', heartbeat), ConnectionError)
  assert.deepEqual(await wire.request(bootstrapNode, 'meta', 'Metadata', { topics: null }), clusterOf(port))
  const send = (purpose: string) => wire.request(1, purpose, 'Heartbeat', heartbeat)
  const answers = await Promise.all([send('group'), send('group'), send('other'), send('group')])
  assert.deepEqual(new Set(answers.map(({ errorCode }) => errorCode)), new Set([2, 3]))
  assert.equal(connections(), 3)
})

test('bootstrap brokers are tried in turn; when none is reached, the error names each', async (t) => {
  const dead = await broker(t, () => {})
  await dead.close()
  const alive = await broker(t, (request) => request.answer('Heartbeat', heartbeatAnswer))
  const wire = wireTo(t, [dead.address, alive.address])
  assert.deepEqual(await wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), heartbeatAnswer)
  await alive.close()
  await assert.rejects(wire.request(bootstrapNode, 'b', 'Heartbeat', heartbeat), (error: Error) => {
    assert.ok(error instanceof ConnectionError)
    return error.message.includes(dead.address) && error.message.includes(alive.address)
  })
})

test('a broker that accepts but says nothing is given up after the connection time-out', async (t) => {
  const silent = createServer(() => {})
  t.after(() => silent.close())
  const port = await listening(silent)
  const wire = wireTo(t, [`127.0.0.1:${port}`], 100)
  await assert.rejects(wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), /not connected within 100 ms/)
})

test('a connection that ends rejects what is in flight with its cause, and the next request opens another', async (t) => {
  const { address } = await broker(t, (request) => {
    if (request.connection === 1) request.socket.destroy()
    else request.answer('Heartbeat', heartbeatAnswer)
  })
  const wire = wireTo(t, [address])
  const both = [1, 2].map(() => wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat))
  for (const each of await Promise.allSettled(both)) {
    assert.ok(each.status === 'rejected' && each.reason instanceof ConnectionError && each.reason.cause instanceof Error)
  }
  assert.deepEqual(await wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), heartbeatAnswer)
})

test('a request that is not answered in time ends its connection', async (t) => {
  const { address } = await broker(t, (request) => {
    if (request.connection > 1) request.answer('Heartbeat', heartbeatAnswer)
  })
  const wire = wireTo(t, [address])
  const behind = assert.rejects(wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat, { timeoutMs: 60_000 }), ConnectionError)
  const late = wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat, { timeoutMs: 20 })
  await assert.rejects(late, (error) => error instanceof ConnectionError && /within 20 ms/.test(error.message))
  await behind
  assert.deepEqual(await wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), heartbeatAnswer)
})

test('an answer that came while the event loop was blocked is taken before time-outs are judged', async (t) => {
  const { address } = await broker(t, (request) => {
    request.answer('Heartbeat', heartbeatAnswer)
    const until = performance.now() + 150
    while (performance.now() < until) {
      // Blocks the loop, with the answer in the socket and the request's time-out passing.
    }
  })
  const wire = wireTo(t, [address])
  assert.deepEqual(await wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat, { timeoutMs: 50 }), heartbeatAnswer)
})

test('close rejects what is in flight and what comes later, and ends every socket', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const { address, sockets } = await broker(t, () => arrived.resolve())
  const wire = wireTo(t, [address])
  const held = assert.rejects(wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), ConnectionError)
  await arrived.promise
  const ends = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
  await wire.close()
  await held
  await Promise.all(ends)
  await assert.rejects(wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), ConnectionError)
})

test('close does not wait for a connection that is being opened', async (t) => {
  const accepted = Promise.withResolvers<void>()
  const silent = createServer(() => accepted.resolve())
  t.after(() => silent.close())
  const port = await listening(silent)
  const wire = wireTo(t, [`127.0.0.1:${port}`], 60_000)
  const request = assert.rejects(wire.request(bootstrapNode, 'a', 'Heartbeat', heartbeat), ConnectionError)
  await accepted.promise
  await wire.close()
  await request
})

test('bytes that are not the answer are a FatalError', async (t) => {
  const { address } = await broker(t, (request) => request.answerBytes(Buffer.from([0, 1])))
  await assert.rejects(wireTo(t, [address]).request(bootstrapNode, 'a', 'Heartbeat', heartbeat), FatalError)
})

test('each broker is sent the highest version that it knows, and none above what the caller allows', async (t) => {
  const endTxn = (maxVersion: number) =>
    supportedVersions.map((known) => (known.apiKey === apiKey.EndTxn ? { ...known, maxVersion } : known))
  const body = { transactionalId: 't', producerId: 1, producerEpoch: 0, committed: true }
  const answered = { throttleTimeMs: 0, errorCode: 0, producerId: -1, producerEpoch: -1 }
  for (const [known, versionMax, expected] of [
    [20, undefined, 5],
    [20, 4, 4],
    [3, undefined, 3],
    [3, 4, 3],
  ] as const) {
    const seen: number[] = []
    const { address } = await broker(
      t,
      (request) => {
        seen.push(request.version)
        request.answerBytes(Buffer.concat([Buffer.alloc(1), encoded('EndTxn', request.version, answered)]))
      },
      endTxn(known),
    )
    assert.deepEqual(await wireTo(t, [address]).request(bootstrapNode, 'x', 'EndTxn', body, { versionMax }), answered)
    assert.deepEqual(seen, [expected])
  }
})

test('a broker that is too old is refused with a sentence', async (t) => {
  const old = [{ apiKey: apiKey.Heartbeat, minVersion: 0, maxVersion: 3 }]
  const { address } = await broker(t, () => {}, old)
  await assert.rejects(wireTo(t, [address]).request(bootstrapNode, 'a', 'Heartbeat', heartbeat), (error: Error) => {
    return error instanceof ConfigurationError && /does not know Heartbeat in version 4 \(only in 0 to 3\)/.test(error.message)
  })
})

test('addresses that are none are refused, all of them', () => {
  const open = (brokers: string[]) => () => new KafkaWire({ brokers, clientId: 'test', log: silentLog })
  assert.throws(
    open(['host', 'host:99999', '[::1]:9092']),
    (error) => error instanceof ConfigurationError && error.defects.length === 2,
  )
  assert.throws(open([]), ConfigurationError)
})
