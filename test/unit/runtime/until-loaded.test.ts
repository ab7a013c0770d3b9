import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Codec } from '../../../service/codec/codec.ts'
import { preparedIn } from '../../../service/codec/prepared.ts'
import { type SchemaRegistryOptions, schemaRegistry } from '../../../service/codec/schema-registry.ts'
import { stream } from '../../../service/dsl/source.ts'
import { topology } from '../../../service/dsl/topology.ts'
import { testDriver } from '../../../service/runtime/driver.ts'
import { FakeRegistry } from '../../support/fake-registry.ts'

interface Purchase {
  readonly user: string
  readonly cents: number
}

const schemaOf = (...more: readonly object[]) => ({
  schema: JSON.stringify({
    type: 'record',
    name: 'Purchase',
    fields: [{ name: 'user', type: 'string' }, { name: 'cents', type: 'long' }, ...more],
  }),
})
const noted = { name: 'note', type: 'string', default: '' }

let registry: FakeRegistry
before(async () => {
  registry = await FakeRegistry.start()
})
after(() => registry.close())

const codecOf = (subject: string, options: SchemaRegistryOptions = {}) =>
  schemaRegistry({ url: registry.url, ...options }).avro<Purchase>(subject)

/** What another program writes by the newest schema of a subject. */
async function written(subject: string, value: Purchase & { readonly note?: string }): Promise<Buffer> {
  const codec = codecOf(subject)
  for (const part of preparedIn(codec)) await part.prepare('encode', { now: 0, registry: null })
  const bytes = codec.encode(value)
  assert.ok(bytes !== null)
  return bytes
}

/** Sums by user: the codec in source, repartition topic, state and sink. */
const sums = (codec: Codec<Purchase>, state: Codec<Purchase> = codec, onInvalid: 'stop' | 'skip' = 'stop') =>
  topology(
    'sums',
    stream('purchases', { value: codec, onInvalid })
      .keyBy(({ user }) => user, { value: codec })
      .reduce('sums', (left, right) => ({ user: right.user, cents: left.cents + right.cents }), { state })
      .to('sums', { value: codec }),
  )
const centsOf = (rows: readonly { readonly value: Purchase }[]) => rows.map(({ value }) => `${value.user} ${value.cents}`)

describe('schemas of a batch', () => {
  test('are there in sources, repartition topics, states and sinks', async () => {
    registry.register('everywhere-value', schemaOf())
    const driver = await testDriver(sums(codecOf('everywhere-value')), { partitions: 2, workers: 2 })
    driver.send('purchases', { value: { user: 'ada', cents: 5 } }, { value: { user: 'eve', cents: 1 } })
    await driver.drain()
    driver.send('purchases', { value: { user: 'ada', cents: 2 } })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')).toSorted(), ['ada 5', 'ada 7', 'eve 1'])
    await driver.stop()
  })

  test('the registry of the configuration is that of codecs that name none', async () => {
    registry.register('configured-value', schemaOf())
    const codec = schemaRegistry().avro<Purchase>('configured-value')
    const driver = await testDriver(sums(codec), { schemaRegistryUrl: registry.url })
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5'])
    await driver.stop()
  })

  test('those that come up later are fetched before their batch', async () => {
    registry.register('later-value', schemaOf())
    const driver = await testDriver(sums(codecOf('later-value')))
    driver.sendBytes('purchases', { value: await written('later-value', { user: 'ada', cents: 5 }) })
    await driver.drain()
    registry.register('later-value', schemaOf(noted))
    driver.sendBytes('purchases', { value: await written('later-value', { user: 'ada', cents: 6, note: 'x' }) })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5', 'ada 11'])
    await driver.stop()
  })

  test('a codec that is hidden in one of the user is prepared when it asks', async () => {
    registry.register('hidden-value', schemaOf())
    const hiding = (): Codec<Purchase> => {
      const inner = codecOf('hidden-value')
      return { name: 'hiding', encode: (value) => inner.encode(value), decode: (bytes) => inner.decode(bytes) }
    }
    const driver = await testDriver(sums(codecOf('hidden-value'), hiding()))
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5', 'ada 10'])
    await driver.stop()
  })

  test('schemas of values in a state are fetched when they are loaded', async () => {
    registry.register('state-value', schemaOf())
    let inner = codecOf('state-value')
    /** Forgets what is known, as a process that begins anew. */
    const forgetting = {
      name: 'forgetting',
      encode: (value: Purchase) => inner.encode(value),
      decode: (bytes: Buffer) => inner.decode(bytes),
    }
    const driver = await testDriver(sums(codecOf('state-value'), forgetting))
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    inner = codecOf('state-value')
    registry.register('state-value', schemaOf(noted))
    await driver.crash()
    driver.send('purchases', { value: { user: 'ada', cents: 2 } })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5', 'ada 7'])
    await driver.stop()
  })
})

describe('while the registry is away', () => {
  test('known schemas go on, an unknown one is waited for', async () => {
    registry.register('waiting-value', schemaOf())
    const driver = await testDriver(sums(codecOf('waiting-value')))
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    registry.register('waiting-value', schemaOf(noted))
    const bytes = await written('waiting-value', { user: 'ada', cents: 6, note: 'x' })
    await registry.close()
    driver.send('purchases', { value: { user: 'ada', cents: 1 } })
    await driver.drain()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5', 'ada 6'])
    driver.sendBytes('purchases', { value: bytes })
    let isDone = false
    const drained = driver.drain().then(() => {
      isDone = true
    })
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    assert.equal(isDone, false)
    assert.deepEqual(driver.read('sums'), [])
    await registry.open()
    await drained
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 12'])
    await driver.stop()
  })

  test("by choice, records of an unknown schema are what the source's onInvalid says", async () => {
    registry.register('choice-value', schemaOf())
    const driver = await testDriver(sums(codecOf('choice-value', { onUnavailable: 'invalid' }), undefined, 'skip'))
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    registry.register('choice-value', schemaOf(noted))
    const bytes = await written('choice-value', { user: 'ada', cents: 6, note: 'x' })
    await registry.close()
    driver.sendBytes('purchases', { value: bytes })
    driver.send('purchases', { value: { user: 'ada', cents: 1 } })
    await driver.drain()
    await registry.open()
    assert.deepEqual(centsOf(driver.read<Purchase>('sums')), ['ada 5', 'ada 6'])
    await driver.stop()
  })

  test('a stop does not wait for it', async () => {
    registry.register('stopped-value', schemaOf())
    const driver = await testDriver(sums(codecOf('stopped-value')))
    registry.register('stopped-value', schemaOf(noted))
    const bytes = await written('stopped-value', { user: 'ada', cents: 6, note: 'x' })
    await registry.close()
    driver.sendBytes('purchases', { value: bytes })
    const drained = driver.drain().catch(() => {})
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    await driver.stop()
    await drained
    await registry.open()
  })

  test('a source that says stop ends the worker at an id that does not exist', async () => {
    registry.register('unknown-value', schemaOf())
    const driver = await testDriver(sums(codecOf('unknown-value')))
    driver.sendBytes('purchases', { value: Buffer.of(0, 0, 0, 0x40, 0, 0) })
    await assert.rejects(() => driver.drain(), /knows of no schema 16384/)
    await driver.stop()
  })
})
