/** The proxy between a client that sends Kafka's frames and a server that answers them with nothing but their numbers. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ByteWriter } from '../../../../service/kafka/wire/byte-writer.ts'
import { FrameReader } from '../../../../service/kafka/wire/framed-socket.ts'
import { messageCodec } from '../../../../service/kafka/wire/message-codec.ts'
import { type Api, apiKey, spokenVersions } from '../../../../service/kafka/wire/messages.ts'
import { encodeRequest } from '../../../../service/kafka/wire/wire-codec.ts'
import { until } from '../../../support/processes.ts'
import { KafkaProxy, type ProxyFault } from '../../../support/proxy/kafka-proxy.ts'
import { ByteClient, ScriptedServer } from './bystanders.ts'

/** A frame of an EndTxn; what it says of the outcome is what faults are made to look for. */
function endTxn(correlationId: number, committed = true): Buffer {
  const body = { transactionalId: 'id', producerId: 1, producerEpoch: 1, committed }
  const frame = Buffer.concat(encodeRequest('EndTxn', 'client', body))
  frame.writeInt32BE(correlationId, 8)
  return frame
}

/** The answer to any of them: its correlation id, and a byte more. */
function answerTo(correlationId: number, body: Buffer = Buffer.from([0])): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + body.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

async function bed(test: TestContext, bodyOf: () => Buffer = () => Buffer.from([0])) {
  const served: number[] = []
  const server = await ScriptedServer.start(() => {
    const answers: Buffer[] = []
    const frames = new FrameReader((frame) => {
      served.push(frame.readInt32BE(8))
      answers.push(answerTo(frame.readInt32BE(8), bodyOf()))
    })
    return (piece) => {
      frames.push(piece, piece.length)
      return answers.length === 0 ? null : Buffer.concat(answers.splice(0))
    }
  })
  const proxy = await KafkaProxy.start({ brokers: [server.address] })
  const client = await ByteClient.connect(proxy.addresses[0] ?? '')
  test.after(async () => {
    client.close()
    await proxy.close()
    await server.close()
  })
  const answered = (): readonly number[] => {
    const ids: number[] = []
    const bytes = client.received
    new FrameReader((frame) => ids.push(frame.readInt32BE(4))).push(bytes, bytes.length)
    return ids
  }
  const send = (...frames: readonly Buffer[]) => void client.socket.write(Buffer.concat(frames))
  return { server, proxy, client, served, answered, send }
}

const first = { api: 'EndTxn', nth: 1 } as const

test('frames go through byte for byte, and are counted by their API', async (test) => {
  const { server, proxy, client, send } = await bed(test)
  send(endTxn(1), endTxn(2, false))
  assert.deepEqual(await client.receives(18), Buffer.concat([answerTo(1), answerTo(2)]))
  assert.deepEqual(server.received, Buffer.concat([endTxn(1), endTxn(2, false)]))
  assert.equal(proxy.count('EndTxn'), 2)
  assert.equal(proxy.newest('EndTxn')?.committed, false)
  assert.equal(proxy.newest('Produce'), null)
})

test('a request that is dropped does not arrive; an answer that is dropped does not come back', async (test) => {
  const { proxy, client, served, answered, send } = await bed(test)
  proxy.plan({ ...first, at: 'request', does: { kind: 'drop' } }, { ...first, at: 'answer', nth: 2, does: { kind: 'drop' } })
  send(endTxn(1), endTxn(2), endTxn(3), endTxn(4))
  await client.receives(18)
  assert.deepEqual(
    [served, answered()],
    [
      [2, 3, 4],
      [2, 4],
    ],
  )
})

test('what is held waits, with all behind it, though its sender is gone', async (test) => {
  const { proxy, client, served, send } = await bed(test)
  const planned = proxy.plan({ ...first, at: 'request', nth: 2, does: { kind: 'hold' } })
  send(endTxn(1), endTxn(2), endTxn(3))
  await planned.hit
  await client.receives(9)
  client.close()
  const another = await ByteClient.connect(proxy.addresses[0] ?? '')
  another.socket.write(endTxn(4))
  await another.receives(9)
  another.close()
  assert.deepEqual(served, [1, 4])
  planned.release()
  await until(() => served.length === 4, 'the held ones arrive')
  assert.deepEqual(served, [1, 4, 2, 3])
})

test('faults look into the request, at the answer to it too', async (test) => {
  const { proxy, client, answered, send } = await bed(test)
  proxy.plan({ ...first, at: 'answer', where: { committed: false, clientId: 'client' }, does: { kind: 'drop' } })
  send(endTxn(1), endTxn(2, false), endTxn(3))
  await client.receives(18)
  assert.deepEqual(answered(), [1, 3])
})

test('a cut connection is reset, and the message is lost', async (test) => {
  const { proxy, client, served, send } = await bed(test)
  proxy.plan({ ...first, at: 'request', does: { kind: 'cut' } })
  send(endTxn(1))
  await until(() => client.ending === 'reset', 'the connection is reset')
  assert.deepEqual(served, [])
})

test('forwarded and cut, a request takes effect, and an answer arrives', async (test) => {
  const { proxy, client, served, send } = await bed(test)
  proxy.plan({ ...first, at: 'request', does: { kind: 'forward-and-cut' } })
  send(endTxn(1))
  await until(() => client.ending === 'reset' && served.length === 1, 'the connection is reset')
  assert.equal(client.received.length, 0)
  const another = await ByteClient.connect(proxy.addresses[0] ?? '')
  proxy.plan({ ...first, at: 'answer', does: { kind: 'forward-and-cut' } })
  another.socket.write(endTxn(2))
  await until(() => another.ending === 'reset', 'the connection is reset')
  assert.deepEqual(another.received, answerTo(2))
})

test('a duplicate arrives twice, and one answer to it comes back', async (test) => {
  const { proxy, client, served, answered, send } = await bed(test)
  proxy.plan({ ...first, at: 'request', does: { kind: 'duplicate' } })
  proxy.plan({ ...first, at: 'answer', nth: 2, does: { kind: 'duplicate' } })
  send(endTxn(1), endTxn(2))
  await client.receives(27)
  assert.deepEqual(
    [served, answered()],
    [
      [1, 1, 2],
      [1, 2, 2],
    ],
  )
})

test('a signal comes before or after the message; a killed process has not sent it', async (test) => {
  const { proxy, client, served, send } = await bed(test)
  const signals: { readonly signal: NodeJS.Signals; readonly served: number }[] = []
  proxy.signals({ signal: (signal) => signals.push({ signal, served: served.length }) })
  const signalled = (signal: NodeJS.Signals, before: boolean): ProxyFault => ({
    ...first,
    at: 'request',
    does: { kind: 'signal', signal, before },
  })
  proxy.plan(signalled('SIGSTOP', true))
  send(endTxn(1))
  await client.receives(9)
  assert.deepEqual(signals, [{ signal: 'SIGSTOP', served: 0 }])
  proxy.plan(signalled('SIGKILL', true))
  send(endTxn(2))
  await until(() => client.ending === 'reset', 'the connection is reset')
  assert.deepEqual(served, [1])
  assert.equal(signals.length, 2)
})

test('delayed, a message comes later, and those behind it behind it', async (test) => {
  const { proxy, client, answered, send } = await bed(test)
  proxy.plan({ ...first, at: 'answer', does: { kind: 'delay', ms: 50 } })
  const begin = performance.now()
  send(endTxn(1), endTxn(2))
  await client.receives(18)
  assert.ok(performance.now() - begin >= 45)
  assert.deepEqual(answered(), [1, 2])
})

test('slices of one byte and a slow line bring all of it, late', async (test) => {
  const { proxy, client, send } = await bed(test)
  send(endTxn(1))
  await client.receives(9)
  proxy.weather({ blackhole: 'to-worker', chunkBytes: 1, bytesPerSecond: 200 })
  send(endTxn(2))
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(client.received.length, 9)
  const begin = performance.now()
  proxy.weather({ chunkBytes: 1, bytesPerSecond: 200 })
  assert.deepEqual(await client.receives(18), Buffer.concat([answerTo(1), answerTo(2)]))
  assert.ok(performance.now() - begin >= 35, 'nine bytes of 200 a second')
  assert.ok(client.pieces.slice(1).length > 3, 'they come in pieces')
})

test('a reset meets all connections', async (test) => {
  const { proxy, client, send } = await bed(test)
  send(endTxn(1))
  await client.receives(9)
  proxy.reset()
  await until(() => client.ending === 'reset', 'the connection is reset')
})

/** The answers with addresses, in all the versions there are tables for. */
const addressed: readonly (readonly [api: Api, lowest: number, body: (address: object) => object])[] = [
  ['Metadata', 0, (address) => ({ brokers: [{ nodeId: 1, rack: null, ...address }], topics: [], clusterId: null })],
  ['DescribeCluster', 0, (address) => ({ brokers: [{ brokerId: 1, ...address }], clusterId: 'c' })],
  ['FindCoordinator', 0, (address) => ({ errorMessage: null, nodeId: 1, ...address, coordinators: [coordinator(address)] })],
  ['Produce', 10, (address) => ({ responses: [], nodeEndpoints: [{ nodeId: 1, ...address }] })],
  ['Fetch', 16, (address) => ({ responses: [], nodeEndpoints: [{ nodeId: 1, ...address }] })],
]
const coordinator = (address: object) => ({ key: 'k', nodeId: 1, errorCode: 0, errorMessage: null, ...address })
const newest: Readonly<Record<string, number>> = { Metadata: 13, DescribeCluster: 2, FindCoordinator: 6, Produce: 13, Fetch: 18 }

for (const [api, lowest, body] of addressed) {
  test(`the addresses in ${api} lead back to the proxy, in versions ${lowest} to ${newest[api]}`, async (test) => {
    for (let version = lowest; version <= (newest[api] ?? 0); version++) {
      const codec = messageCodec(api, 'response', version)
      const answer = (address: object): Buffer => {
        const writer = new ByteWriter()
        codec.encode(writer, body(address))
        return Buffer.concat([...(codec.isFlexible ? [Buffer.from([0])] : []), ...writer.finish()])
      }
      const broker = await ScriptedServer.start(() => (piece) => piece)
      const [host = '', port] = broker.address.split(':')
      const { proxy, client, send } = await bed(test, () => answer({ host, port: Number(port) }))
      send(request(api, version))
      await until(() => client.received.length > 8, 'an answer comes')
      const found = client.received.subarray(8)
      const address = addressIn(found)
      assert.deepEqual(found, answer({ host: '127.0.0.1', port: Number(address.split(':')[1]) }))
      assert.notEqual(address, broker.address)
      assert.notEqual(address, proxy.addresses[0])
      const through = await ByteClient.connect(address)
      through.socket.write(endTxn(1))
      await until(() => broker.received.length > 0, 'it leads to the broker')
      through.close()
      await broker.close()
    }
  })
}

/** A request that has nothing but its head: the proxy doesn't look any further. */
function request(api: Api, version: number): Buffer {
  const frame = Buffer.alloc(14)
  frame.writeInt32BE(10, 0)
  frame.writeInt16BE(apiKey[api], 4)
  frame.writeInt16BE(version, 6)
  frame.writeInt32BE(1, 8)
  frame.writeInt16BE(-1, 12)
  return frame
}

/** The address behind the text of its host: four bytes of port in every version. */
function addressIn(answer: Buffer): string {
  const host = '127.0.0.1'
  const at = answer.indexOf(host)
  return `${host}:${answer.readInt32BE(at + host.length)}`
}

test('where brokers move, their old addresses refuse, and new answers carry the new ones', async (test) => {
  const { proxy, client, send } = await bed(test, () => metadata)
  const codec = messageCodec('Metadata', 'response', spokenVersions.Metadata.highest)
  const writer = new ByteWriter()
  codec.encode(writer, { brokers: [{ nodeId: 1, host: '127.0.0.1', port: 9, rack: null }], topics: [], clusterId: null })
  const metadata = Buffer.concat([Buffer.from([0]), ...writer.finish()])
  const ask = async (): Promise<string> => {
    const length = client.received.length
    send(request('Metadata', spokenVersions.Metadata.highest))
    await until(() => client.received.length >= length + 8 + metadata.length, 'an answer comes')
    return addressIn(client.received.subarray(length))
  }
  const before = await ask()
  assert.equal(await ask(), before)
  await proxy.moveTo()
  await assert.rejects(ByteClient.connect(before))
  assert.notEqual(await ask(), before)
})
