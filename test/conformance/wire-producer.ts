/** The transactional producer of the conformance tests. */
import assert from 'node:assert/strict'
import { batchOf, eventually, fresh, type Identity, WireClient } from './wire-client.ts'
import type { KafkaUnderTest } from './wire-client.ts'

/** A transactional producer that is as plain as can be: it knows its identity and the next sequence of its only partition. */
export class Producer {
  readonly client: WireClient
  readonly id: string
  identity: Identity
  #sequence = 0

  constructor(client: WireClient, id: string, identity: Identity) {
    this.client = client
    this.id = id
    this.identity = identity
  }

  batch(values: readonly string[], sequence = this.#sequence): Buffer {
    return batchOf(values, { by: this.identity, sequence, transactional: true })
  }

  async send(topic: string, ...values: string[]): Promise<number> {
    const offset = await this.client.produce(topic, 0, this.batch(values), this.id)
    this.#sequence += values.length
    return offset
  }

  async end(committed: boolean): Promise<void> {
    this.identity = await this.client.end(this.id, this.identity, committed)
    // The next epoch counts anew; under protocol 1 there is none.
    if ((await this.client.protocol()) === 2) this.#sequence = 0
  }
}

/** What the tests of transactions begin with. */
export function producersOf(kafka: () => Promise<KafkaUnderTest>) {
  const connect = async () => new WireClient((await kafka()).wire())
  const start = async (timeoutMs?: number) => {
    const client = await connect()
    const id = fresh('transactional')
    return new Producer(client, id, await client.initialise(id, undefined, timeoutMs))
  }
  const topicOf = async () => (await connect()).createTopic()
  /** One whose transaction took too long, and was aborted by the broker. */
  const timedOut = async () => {
    const [producer, topic] = [await start(1_000), await topicOf()]
    const { client } = producer
    await producer.send(topic, 'a')
    // A broker looks for such transactions every ten seconds.
    await eventually('aborted', async () => ((await client.offsetAt(topic, -1, 'committed')) > 0 ? true : undefined), 20_000)
    assert.deepEqual(await client.read(topic, 'committed'), [])
    return { producer, topic }
  }
  return { connect, start, topicOf, timedOut }
}
