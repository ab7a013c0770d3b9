/** The right answers of `topologies/copy-and-sums.ts`, checked by readers that share no code with the service. */
import assert from 'node:assert/strict'
import { type GroupOffset, groupOffsets, type ReadRecord, readCommitted } from './console-consumer.ts'
import type { KafkaInput, SentRecord } from './kafka-input.ts'
import { redisHashes } from './redis-contents.ts'

export interface Run {
  readonly brokers: readonly string[]
  readonly application: string
  /** The prefix of the topics. */
  readonly topics: string
  readonly partitions: number
  readonly input: KafkaInput
  /** Null: the state was held in memory. */
  readonly redisUrl: string | null
}

/** Contents of the changelog: by partition, of each key its newest value, as latin1 of their bytes. */
type Fold = ReadonlyMap<number, ReadonlyMap<string, string>>

const keyedShape = '\x01'
const progressShape = '\x00'

/**
 * Of workers that have stopped: what they committed is the answer to the input up to the committed offsets, with nothing lost, twice or
 * out of order; nothing hangs; and Redis is what the changelog says.
 */
export async function assertExactlyOnce(run: Run): Promise<void> {
  const { brokers, topics, application, partitions, redisUrl } = run
  const written = { copy: `${topics}-copy`, sums: `${topics}-sums`, changelog: `${application}-sums-changelog` }
  const read = (topic: string, more = {}) => readCommitted({ brokers, topic, group: witnessOf(topic), ...more })
  const [copy, sums, changes] = await Promise.all([
    read(written.copy),
    read(written.sums),
    read(written.changelog, { formatter: asPrintableBytes }),
  ])
  const offsets = await groupOffsets(brokers, application, ...Object.values(written).map(witnessOf))
  const answered = answeredInput(run, offsets)
  const lasts = new Map([...answered.values()].flat().map(({ key, value }) => [key, Number(value)]))
  assertCopied(copy, answered)
  assertSums(sums, lasts)
  for (const topic of Object.values(written)) assertReadToEnd(offsets, { topic, partitions })
  const fold = foldOf(changes)
  assertTotals(fold, lasts)
  if (redisUrl !== null) await assertRedisIs(fold, application, redisUrl)
}

/** The group that reads a topic, whose offsets tell how far it came. */
export const witnessOf = (topic: string) => `${topic}-witness`

/** By partition, the input up to the committed offset: as the input was written without transactions, offsets count its records. */
function answeredInput({ input, topics, partitions }: Run, consumed: readonly GroupOffset[]): Answered {
  const all = consumed.filter(({ topic }) => topic === `${topics}-input`)
  assert.equal(all.length, partitions, 'every partition of the input has a committed offset')
  return new Map(all.map(({ partition, committed }) => [partition, input.sentTo(partition).slice(0, committed ?? 0)]))
}

type Answered = ReadonlyMap<number, readonly SentRecord[]>

/** Each partition of the copy has the records of the same input partition, in their order. */
function assertCopied(copy: readonly ReadRecord[], answered: Answered): void {
  for (const [partition, records] of answered) {
    const found = copy.filter((record) => record.partition === partition).map(({ key, value }) => `${key}=${value}`)
    const wanted = records.map(({ key, value }) => `${key}=${value}`)
    const differs = wanted.findIndex((record, index) => record !== found[index])
    const at = differs < 0 ? Math.min(found.length, wanted.length) : differs
    const around = `wanted ${wanted.slice(at, at + 5).join(' ')}; found ${found.slice(at, at + 5).join(' ')}`
    assert.ok(
      differs < 0 && found.length === wanted.length,
      `partition ${partition} of the copy has ${found.length} records of ${wanted.length}, and differs at ${at}: ${around}`,
    )
  }
}

const triangular = (n: number) => (n * (n + 1)) / 2

/** Of each key, a strictly rising subsequence of 1, 3, 6, … that ends with the right one. */
function assertSums(sums: readonly ReadRecord[], lasts: ReadonlyMap<string, number>): void {
  const byKey = Map.groupBy(sums, ({ key }) => key)
  assert.deepEqual(new Set(byKey.keys()), new Set(lasts.keys()))
  for (const [key, count] of lasts) {
    let last = 0
    for (const { value, partition, offset } of byKey.get(key) ?? []) {
      const sum = Number(value)
      const n = Math.round((Math.sqrt(8 * sum + 1) - 1) / 2)
      assert.ok(sum > last && triangular(n) === sum, `${key} goes from ${last} to ${value} at ${partition}:${offset}`)
      last = sum
    }
    assert.equal(last, triangular(count), `the last sum of ${key}`)
  }
}

/** The read_committed reader, whose offsets these are, has come to the very end: no transaction hangs. */
export function assertReadToEnd(
  offsets: readonly GroupOffset[],
  { topic, partitions }: { readonly topic: string; readonly partitions: number },
): void {
  const own = offsets.filter((offset) => offset.topic === topic)
  assert.equal(own.length, partitions, `not all partitions of ${topic} were read`)
  const behind = own.filter(({ committed, end }) => (committed ?? 0) !== end)
  assert.deepEqual(behind, [], `read_committed does not come to the end of ${topic}`)
}

/** Kafka's own printable form of bytes: what is no visible character, and the backslash, as `\x0A`. */
const bytesDeserializer = 'org.apache.kafka.common.serialization.BytesDeserializer'
const asPrintableBytes = { 'key.deserializer': bytesDeserializer, 'value.deserializer': bytesDeserializer }

const latin1Of = (printable: string) =>
  printable.replace(/\\x([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

function foldOf(changes: readonly ReadRecord[]): Fold {
  const fold = new Map<number, Map<string, string>>()
  for (const { partition, key, value } of changes) {
    const bytes = latin1Of(key ?? '')
    if (bytes.startsWith(progressShape)) continue
    assert.ok(bytes.startsWith(keyedShape), `a changelog key of another shape: ${key}`)
    const entries = fold.get(partition) ?? new Map<string, string>()
    fold.set(partition, entries)
    if (value === null) entries.delete(bytes.slice(1))
    else entries.set(bytes.slice(1), latin1Of(value))
  }
  return fold
}

/** The fold itself is right: a key stands in one partition, with its total as a big-endian float64. */
function assertTotals(fold: Fold, lasts: ReadonlyMap<string, number>): void {
  const totals = [...fold.values()].flatMap((entries) => [...entries].map(([key, value]) => [key, float64Of(value)] as const))
  const wanted = [...lasts].map(([key, count]) => [key, triangular(count)] as const)
  assert.deepEqual(totals.toSorted(byName), wanted.toSorted(byName))
}

const float64Of = (latin1: string) => Buffer.from(latin1, 'latin1').readDoubleBE(0)

/** Whether Redis holds the totals of the whole input, and no key more. */
export async function redisHoldsTotals(url: string, application: string, input: KafkaInput): Promise<boolean> {
  const hashes = await redisHashes(url, application)
  const entries = [...hashes].filter(([key]) => key.endsWith('}:k')).flatMap(([, fields]) => [...fields])
  const { counts } = input
  return entries.length === counts.size && entries.every(([key, value]) => float64Of(value) === triangular(counts.get(key) ?? -1))
}

const byName = ([a]: readonly [string, number], [b]: readonly [string, number]) => (a < b ? -1 : 1)

/** Redis holds the fold, and no key more. */
async function assertRedisIs(fold: Fold, application: string, url: string): Promise<void> {
  const hashes = await redisHashes(url, application)
  const isMeta = (key: string) => key.endsWith('}:m')
  const wanted = [...fold.keys()].map((partition) => `{${application}:sums:${partition}}:k`)
  assert.deepEqual(new Set([...hashes.keys()].filter((key) => !isMeta(key))), new Set(wanted))
  for (const [partition, entries] of fold) {
    const held = hashes.get(`{${application}:sums:${partition}}:k`) ?? new Map<string, string>()
    assert.deepEqual(sorted(held), sorted(entries), `Redis is the fold of partition ${partition}`)
  }
}

const sorted = (entries: ReadonlyMap<string, string>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
