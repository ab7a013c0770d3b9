import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { CaudalError, FatalError } from '../../service/errors.ts'
import { FrameReader } from '../../service/kafka/wire/framed-socket.ts'
import { KafkaWire } from '../../service/kafka/wire/kafka-wire.ts'
import { type Api, apiKey, spokenVersions } from '../../service/kafka/wire/messages.ts'
import { bootstrapNode } from '../../service/kafka/wire/wire.ts'
import { decodeAnswer } from '../../service/kafka/wire/wire-codec.ts'
import { silentLog } from '../../service/log.ts'
import { answersTo } from '../support/arbitrary-answers.ts'
import { damaged, damages, fuzz, noise, Outcomes, samples } from '../support/fuzz.ts'

/** Everything that caudal may ask for. */
const spokenApis = (Object.keys(spokenVersions) as Api[]).flatMap((api) => {
  const { lowest, highest } = spokenVersions[api]
  return Array.from({ length: highest - lowest + 1 }, (_, i) => ({ api, version: lowest + i }))
})

describe('answers of Kafka', () => {
  for (const { api, version } of spokenApis) {
    test(`${api} version ${version}: a damaged answer is refused by name, or read`, (t) => {
      const outcomes = new Outcomes()
      const isOurs = (error: Error) =>
        error instanceof FatalError && error.message.startsWith(`The answer to ${api} `) && error.fields['api'] === api
      fuzz(250, [answersTo(api, version), damages], (bytes, all) => {
        decodeAnswer(api, bytes, version)
        outcomes.of(() => decodeAnswer(api, damaged(bytes, all), version), isOurs)
      })
      fuzz(50, [noise], (bytes) => void outcomes.of(() => decodeAnswer(api, bytes, version), isOurs))
      outcomes.tell(t)
    })
  }

  test('a count of two thousand million is refused before there is room for it', () => {
    const before = process.memoryUsage()
    for (const { api, version } of spokenApis) {
      for (const fill of ['7f', 'ffffffff0f', '7fffffff']) {
        const bytes = Buffer.alloc(2_000, Buffer.from(fill, 'hex'))
        try {
          decodeAnswer(api, bytes, version)
        } catch (error) {
          assert.ok(error instanceof FatalError, String(error))
        }
      }
    }
    assert.ok(process.memoryUsage().rss - before.rss < 500e6)
  })
})

describe('what arrives on a socket', () => {
  const framed = (payload: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(payload.length)
    return Buffer.concat([length, payload])
  }
  const payload = fc.uint8Array({ minLength: 4, maxLength: 60 }).map((bytes) => Buffer.from(bytes))

  test('messages are the same in whatever pieces they come', () => {
    fuzz(500, [fc.array(payload, { maxLength: 4 }), fc.integer({ min: 1, max: 20 })], (payloads, size) => {
      const frames: Buffer[] = []
      const reader = new FrameReader((frame) => frames.push(frame))
      const bytes = Buffer.concat(payloads.map(framed))
      for (let at = 0; at < bytes.length; at += size) {
        const piece = bytes.subarray(at, at + size)
        reader.push(piece, piece.length)
      }
      assert.deepEqual(frames, payloads.map(framed))
    })
  })

  test('noise is refused, or waits for more', (t) => {
    const outcomes = new Outcomes()
    fuzz(2_000, [fc.array(payload, { maxLength: 3 }), damages], (payloads, all) => {
      const reader = new FrameReader(() => {})
      const bytes = damaged(Buffer.concat(payloads.map(framed)), all)
      outcomes.of(
        () => reader.push(bytes, bytes.length),
        (error) => /^it answers with a message of -?\d+ bytes/.test(error.message),
      )
    })
    outcomes.tell(t)
  })

  test('a length of a gigabyte takes no more room than what has arrived', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 20 }, () => new FrameReader(() => assert.fail('no message was whole')))
    for (const reader of readers) reader.push(Buffer.from('3fffffff000000', 'hex'), 7)
    assert.ok(process.memoryUsage().arrayBuffers - before < 2e9)
  })

  test('a message of 100 MB arrives as it was sent', () => {
    const frames: Buffer[] = []
    const reader = new FrameReader((frame) => frames.push(frame))
    const piece = Buffer.alloc(2 ** 20, 7)
    const length = Buffer.alloc(4)
    length.writeInt32BE(100 * piece.length)
    reader.push(length, 4)
    for (let i = 0; i < 100; i++) reader.push(piece, piece.length)
    assert.equal(frames.length, 1)
    assert.equal(frames[0]?.length, 4 + 100 * 2 ** 20)
    assert.ok(frames[0]?.subarray(4).equals(Buffer.alloc(100 * piece.length, 7)))
  })

  test('a broker that answers anything at all is an error of ours to whoever asked', { timeout: 120_000 }, async (t) => {
    const verdicts = new Map<string, number>()
    const cases = samples(150, [fc.boolean(), noise, damages, answersTo('Metadata', spokenVersions.Metadata.highest)])
    const uncaught: unknown[] = []
    const note = (error: unknown) => void uncaught.push(error)
    process.on('uncaughtException', note)
    t.after(() => process.off('uncaughtException', note))
    for (const [isFirst, bytes, all, metadata] of cases) {
      const answers = (socket: Socket, isVersions: boolean, key: Buffer) => {
        const good = framed(Buffer.concat([key, isVersions ? versions : metadata]))
        if (isVersions && !isFirst) return socket.write(good)
        // Nothing follows, so that whoever waits for more hears that there is none.
        return socket.end(bytes.length % 2 === 0 ? damaged(good, all) : bytes)
      }
      const wire = new KafkaWire({
        brokers: [await brokerOf(t, answers)],
        clientId: 'fuzz',
        requestTimeoutMs: 5_000,
        log: silentLog,
      })
      try {
        await wire.request(bootstrapNode, 'fuzz', 'Metadata', {
          topics: null,
          allowAutoTopicCreation: false,
          includeTopicAuthorizedOperations: false,
        }) // prettier-ignore
        verdicts.set('read', (verdicts.get('read') ?? 0) + 1)
      } catch (error) {
        assert.ok(error instanceof CaudalError, error instanceof Error ? error.stack : String(error))
        verdicts.set(error.name, (verdicts.get(error.name) ?? 0) + 1)
      } finally {
        await wire.close()
      }
    }
    assert.deepEqual(uncaught, [])
    t.diagnostic(JSON.stringify(Object.fromEntries(verdicts)))
    assert.ok((verdicts.get('ConnectionError') ?? 0) > 0 && (verdicts.get('FatalError') ?? 0) > 0)
  })
})

/** An answer to kafkajs' own question for versions: all that there are. */
const versions = Buffer.concat([
  Buffer.from([0, 0]),
  Buffer.from([0, 0, 0, Object.keys(apiKey).length]),
  ...Object.values(apiKey).map((key) => Buffer.from([0, key, 0, 0, 0, 20])),
  Buffer.alloc(4),
])

type Answers = (socket: Socket, isVersions: boolean, correlationId: Buffer) => unknown

/** The address of a broker for one connection. */
async function brokerOf(t: TestContext, answers: Answers): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (request) => answers(socket, request.readInt16BE(4) === apiKey.ApiVersions, request.subarray(8, 12)))
  })
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
