import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FatalError } from '../../../service/errors.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { type Feed, Fetcher, type FetcherOptions } from '../../../service/kafka/fetcher.ts'
import { deleteRecordsBefore, ensureInternalTopics } from '../../../service/kafka/internal-topics.ts'
import { commitOffsets } from '../../../service/kafka/offsets.ts'
import { outsideTransactions, RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import type { Wire } from '../../../service/kafka/wire/wire.ts'
import type { AnswerOf, RequestOf } from '../../../service/kafka/wire/messages.ts'
import { FaultyWire } from '../../support/faulty-wire.ts'
import { Bed, batch, eventually, isReal } from './bed.ts'

/** Writes outside of transactions. */
async function append(bed: Bed, topic: string, partition: number, values: readonly string[]): Promise<void> {
  const records = new RecordBatchBuilder()
  for (const value of values) records.append(null, value, 1)
  const bytes = records.finish(outsideTransactions)
  const { node } = await bed.cluster.leader(topic, partition)
  const body = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
  }
  const answer = await bed.cluster.wire.request(node, 'append', 'Produce', body)
  assert.equal(answer.responses[0]?.partitionResponses[0]?.errorCode, errorCode.NONE)
}

/** Takes everything off a feed, as a reader does. */
function read(feed: Feed): string[] {
  const values: string[] = []
  for (let chunk = feed.chunks.shift(); chunk !== undefined; chunk = feed.chunks.shift()) {
    for (let i = 0; i < chunk.columns.count; i++) values.push(String(chunk.columns.value(i)))
    feed.consumed(chunk.byteLength)
  }
  return values
}

async function readUntil(fetcher: Fetcher, feed: Feed, count: number): Promise<string[]> {
  const values: string[] = []
  const tooLate = AbortSignal.timeout(10_000)
  while (values.length < count && feed.error === null && !tooLate.aborted) {
    values.push(...read(feed))
    if (values.length < count) await fetcher.arrival(tooLate)
  }
  if (feed.error) throw feed.error
  return values
}

describe('Fetcher', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())

  type Options = Partial<FetcherOptions & { wire: Wire }>
  // A long poll that is out when its fetcher is closed keeps its connection: the next test must not wait for it.
  function fetcherOf(from: Bed, { wire = from.client(), ...options }: Options = {}): Fetcher {
    const { clock } = from
    return new Fetcher({
      cluster: new Cluster(wire, clock),
      clock,
      isolation: 'read_committed',
      maxWaitMs: 400,
      partitionBytesMax: 64 * 1024,
      readAheadBytesMax: 1024 * 1024,
      ...options,
    })
  }

  test('delivers in order, across batches, and knows the ends', async () => {
    const topic = await bed.topic('order')
    await append(bed, topic, 0, ['a', 'b'])
    await append(bed, topic, 0, ['c'])
    const fetcher = fetcherOf(bed)
    const feed = fetcher.add(topic, 0, 1)
    assert.deepEqual(await readUntil(fetcher, feed, 2), ['b', 'c'])
    assert.equal(feed.position, 3)
    await eventually('the ends are known', () => feed.highWatermark === 3 && feed.lastStableOffset === 3)
    await append(bed, topic, 0, ['d'])
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['d'])
    await fetcher.close()
  })

  test('read_committed: aborted records are left out, open ones waited for, positions pass both and the markers', async () => {
    const topic = await bed.topic('transactions')
    const [one, two] = [bed.producer(`${bed.id}-1`), bed.producer(`${bed.id}-2`)]
    await Promise.all([one.initialise(), two.initialise()])
    await one.produce([batch(topic, 0, ['aborted 1'])])
    await two.produce([batch(topic, 0, ['aborted 2'])])
    await one.produce([batch(topic, 0, ['aborted 3'])])
    await two.abort()
    await one.abort()
    await one.produce([batch(topic, 0, ['open'])])
    await append(bed, topic, 0, ['behind'])
    const [committed, all] = [fetcherOf(bed), fetcherOf(bed, { isolation: 'read_uncommitted' })]
    const [clean, dirty] = [committed.add(topic, 0, 0), all.add(topic, 0, 0)]
    assert.deepEqual(await readUntil(all, dirty, 5), ['aborted 1', 'aborted 2', 'aborted 3', 'open', 'behind'])
    await eventually('the committed reader stands at the last stable offset', () => clean.position === 5)
    assert.deepEqual(read(clean), [])
    await one.abort()
    assert.deepEqual(await readUntil(committed, clean, 1), ['behind'])
    await eventually('the last marker is passed', () => clean.position === 8)
    await Promise.all([committed.close(), all.close()])
  })

  test('a feed that comes while a long poll is out does not wait for it', async () => {
    const [idle, busy] = [await bed.topic('idle'), await bed.topic('busy')]
    await append(bed, busy, 0, ['now'])
    const wire = bed.client()
    const fetcher = fetcherOf(bed, { maxWaitMs: 4_000, wire })
    fetcher.add(idle, 0, 0)
    await eventually('the long poll is out', () => wire.count('Fetch') > 0)
    const startedAt = bed.clock.monotonic()
    const feed = fetcher.add(busy, 0, 0)
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['now'])
    await append(bed, busy, 0, ['next'])
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['next'])
    assert.ok(bed.clock.monotonic() - startedAt < 2_000)
    await fetcher.close()
  })

  test('a feed that is alone on the side when the main poll comes back is not forgotten', async () => {
    const [gone, left] = [await bed.topic('gone'), await bed.topic('left')]
    const wire = bed.client()
    const fetcher = fetcherOf(bed, { maxWaitMs: 60, wire })
    const first = fetcher.add(gone, 0, 0)
    await eventually('the long poll is out', () => wire.count('Fetch') === 1)
    const feed = fetcher.add(left, 0, 0)
    await eventually('the other asks on the side', () => wire.sent.some(({ purpose }) => purpose === 'fetch-side'))
    fetcher.remove(first)
    const before = wire.count('Fetch')
    await eventually('it is asked for again', () => wire.count('Fetch') > before)
    await append(bed, left, 0, ['a'])
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['a'])
    await fetcher.close()
  })

  test('a reader that stalls stops its fetching, not that of others, and goes on when it has read', async () => {
    const [slow, quick] = [await bed.topic('slow'), await bed.topic('quick')]
    const value = 'x'.repeat(1_000)
    for (let i = 0; i < 30; i++) await append(bed, slow, 0, [value])
    const fetcher = fetcherOf(bed, { partitionBytesMax: 2_500, readAheadBytesMax: 10_000, maxWaitMs: 4_000 })
    const [stalled, flowing] = [fetcher.add(slow, 0, 0), fetcher.add(quick, 0, 0)]
    await eventually('its share is full', () => stalled.bufferedBytes >= 5_000)
    await append(bed, quick, 0, ['one'])
    assert.deepEqual(await readUntil(fetcher, flowing, 1), ['one'])
    assert.ok(stalled.bufferedBytes <= 5_000 + 2_500, `${stalled.bufferedBytes} bytes are buffered`)
    assert.equal((await readUntil(fetcher, stalled, 30)).length, 30)
    await fetcher.close()
  })

  test('a record larger than what one partition may take arrives', async () => {
    const topic = await bed.topic('large')
    await append(bed, topic, 0, ['y'.repeat(50_000)])
    const fetcher = fetcherOf(bed, { partitionBytesMax: 1_000, readAheadBytesMax: 1_000 })
    assert.equal((await readUntil(fetcher, fetcher.add(topic, 0, 0), 1))[0]?.length, 50_000)
    await fetcher.close()
  })

  test('the next request is out before the reader hears of the last answer', async () => {
    const topic = await bed.topic('ahead')
    await append(bed, topic, 0, ['a'])
    const client = bed.client()
    const fetcher = fetcherOf(bed, { wire: client })
    const feed = fetcher.add(topic, 0, 0)
    await fetcher.arrival()
    assert.equal(feed.chunks.length, 1)
    const offsets = client.sent
      .filter(({ api }) => api === 'Fetch')
      .map(({ body }) => (body as { topics: { partitions: { fetchOffset: number }[] }[] }).topics[0]?.partitions[0]?.fetchOffset)
    assert.deepEqual(offsets, [0, 1])
    await fetcher.close()
  })

  test('a removed feed gets nothing more; the same partition can be added again', async () => {
    const topic = await bed.topic('removed')
    const wire = bed.client()
    const fetcher = fetcherOf(bed, { maxWaitMs: 4_000, wire })
    const gone = fetcher.add(topic, 0, 0)
    assert.throws(() => fetcher.add(topic, 0, 0), FatalError)
    await eventually('the long poll is out', () => wire.count('Fetch') > 0)
    fetcher.remove(gone)
    const feed = fetcher.add(topic, 0, 0)
    await append(bed, topic, 0, ['a'])
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['a'])
    assert.equal(gone.chunks.length, 0)
    await fetcher.close()
  })

  test('a position outside of the log ends the feed with the offsets in the message', async () => {
    const topic = await bed.topic('deleted')
    await append(bed, topic, 0, ['a', 'b', 'c'])
    await deleteRecordsBefore(bed.cluster, [{ topic, partition: 0, offset: 2 }])
    const fetcher = fetcherOf(bed)
    const [low] = [fetcher.add(topic, 0, 1)]
    await assert.rejects(
      readUntil(fetcher, low, 1),
      /partition 0: offset 1 is asked for, and the log has 2 to 3: those records have been deleted/,
    )
    fetcher.remove(low)
    const high = fetcher.add(topic, 0, 9)
    await assert.rejects(readUntil(fetcher, high, 1), (error) => error instanceof FatalError && error.fields.endOffset === 3)
    await fetcher.close()
  })

  test('where the earliest is good enough, what is left follows, and the reader learns how much is missing', async () => {
    const topic = await bed.topic('skipped')
    await append(bed, topic, 0, ['a', 'b', 'c'])
    await deleteRecordsBefore(bed.cluster, [{ topic, partition: 0, offset: 2 }])
    const fetcher = fetcherOf(bed)
    const feed = fetcher.add(topic, 0, 0, 'earliest')
    await eventually('both chunks are there', () => feed.chunks.length === 2)
    const [gap, rest] = feed.chunks
    assert.deepEqual([gap?.columns.count, gap?.nextOffset, gap?.deleted], [0, 2, 2])
    assert.deepEqual([rest?.columns.count, rest?.nextOffset, rest?.deleted], [1, 3, undefined])
    // A log that has become shorter is something else.
    fetcher.remove(feed)
    await assert.rejects(readUntil(fetcher, fetcher.add(topic, 0, 9, 'earliest'), 1), /has become shorter/)
    await fetcher.close()
  })

  test('a topic that is not there yet is waited for', async () => {
    const wire = bed.client()
    const fetcher = fetcherOf(bed, { wire })
    const name = `${bed.id}-later`
    const feed = fetcher.add(name, 0, 0)
    await eventually('it was looked for twice', () => wire.count('Metadata') > 2)
    await ensureInternalTopics(bed.cluster, [{ name, partitions: 1, configs: {}, kind: 'repartition' }])
    await append(bed, name, 0, ['there'])
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['there'])
    await fetcher.close()
  })

  test('a connection that breaks is opened again, and nothing is missing', async () => {
    const topic = await bed.topic('broken')
    const wire = bed.client()
    const fetcher = fetcherOf(bed, { wire })
    const feed = fetcher.add(topic, 0, 0)
    let count = 0
    wire.fault = ({ api }) => (api === 'Fetch' && count++ % 2 === 0 ? (count % 4 === 1 ? 'lose-answer' : 'lose-request') : 'pass')
    const expected = Array.from({ length: 6 }, (_, i) => `${i}`)
    const reading = readUntil(fetcher, feed, 6)
    for (const value of expected) await append(bed, topic, 0, [value])
    assert.deepEqual(await reading, expected)
    await fetcher.close()
  })

  test('records behind the end that their answer announces are asked for again, and not for ever', async () => {
    const topic = await bed.topic('beyond')
    await append(bed, topic, 0, ['a'])
    const wire = new FaultyWire(bed.client())
    const shorter = (answer: AnswerOf<'Fetch'>) => ({
      ...answer,
      responses: answer.responses.map((response) => ({
        ...response,
        partitions: response.partitions.map((partition) => ({ ...partition, highWatermark: 0 })),
      })),
    })
    const plan = (times: number) => wire.plan({ api: 'Fetch', fault: { kind: 'change', change: shorter }, times })
    const fetcher = fetcherOf(bed, { wire })
    plan(3)
    const feed = fetcher.add(topic, 0, 0)
    assert.deepEqual(await readUntil(fetcher, feed, 1), ['a'])
    assert.ok(wire.isOver)
    fetcher.remove(feed)
    plan(1_000)
    const reading = readUntil(fetcher, fetcher.add(topic, 0, 0), 1)
    const message = /fetched from offset 0.* reach to offset 0, and the log ends before 0/
    await assert.rejects(reading, { name: 'FatalError', message })
    await fetcher.close()
  })

  test('follows the leader, and asks it by its epoch', { skip: isReal }, async () => {
    const own = new Bed({ brokers: 3 })
    const topic = await own.topic('moves')
    const wire = own.client()
    const fetcher = fetcherOf(own, { wire })
    const feed = fetcher.add(topic, 0, 0)
    for (const node of [2, 3, 1]) {
      own.memory?.moveLeader(topic, 0, node)
      own.cluster.invalidate(topic)
      await append(own, topic, 0, [`from ${node}`])
      assert.deepEqual(await readUntil(fetcher, feed, 1), [`from ${node}`])
    }
    const epochs = wire.sent.flatMap(({ api, body }) =>
      api === 'Fetch'
        ? (body as RequestOf<'Fetch'>).topics.flatMap(({ partitions }) => partitions[0]?.currentLeaderEpoch ?? -1)
        : [],
    )
    await fetcher.close()
    await own.close()
    assert.ok(!epochs.includes(-1) && epochs.at(-1) === 3, 'P11: a leader that has lost its place is not believed')
  })

  test('close wakes whoever waits for an arrival', async () => {
    const fetcher = fetcherOf(bed)
    const waiting = fetcher.arrival()
    await fetcher.close()
    await waiting
    const stop = new AbortController()
    const other = fetcherOf(bed).arrival(stop.signal)
    stop.abort()
    await other
  })
})

test('P1: an anonymous OffsetCommit is refused', async () => {
  const bed = new Bed()
  const offsets = [{ topic: 't', partition: 0, offset: 1, metadata: '' }]
  await assert.rejects(commitOffsets(bed.cluster, 'g', { generation: -1, memberId: '', instanceId: null }, offsets), FatalError)
  assert.equal(bed.wire.sent.length, 0)
  await bed.close()
})
