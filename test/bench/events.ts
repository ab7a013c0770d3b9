/** The input of the benchmark: events of 240 bytes of JSON, keyed, in record batches that can be written again and again. */
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { partitionForKey } from '../../service/kafka/records/murmur2.ts'

export interface AdEvent {
  readonly user: string
  readonly page: string
  readonly ad: string
  readonly kind: string
  readonly type: 'view' | 'click' | 'purchase'
  readonly time: number
  readonly address: string
}

/** Batches of one partition, in order. */
export interface PartitionEvents {
  readonly partition: number
  readonly batches: readonly RecordBatchBuilder[]
  readonly count: number
}

export const partitions = 4
const eventBytes = 240
const batchBytesMax = 900_000
const types = ['view', 'click', 'purchase'] as const
const kinds = ['banner', 'modal', 'search', 'mail', 'mobile']
/** Prime to every number of keys used here: keys come in no order, and equally often. */
const stride = 7919

const word = (prefix: string, n: number) => `${prefix}-${n}-`.padEnd(36, 'x')

/** Event number `n`: one in three is a view, whichever key it has. */
export function eventOf(n: number, keys: number, time: number): { readonly key: string; readonly value: string } {
  const key = `user-${(n * stride) % keys}`
  const event: AdEvent = {
    user: key,
    page: word('page', n % 100),
    ad: word('ad', (n * 31) % 1000),
    kind: kinds[n % 5] ?? '',
    type: types[(n + Math.floor(n / keys)) % 3] ?? 'view',
    time,
    address: '',
  }
  const short = JSON.stringify(event)
  const value = `${short.slice(0, -2)}${'.'.repeat(Math.max(0, eventBytes - short.length))}"}`
  return { key, value }
}

/** `records` events over `keys` keys, in the partitions that Kafka's own clients would put them into. */
export function eventsOf(records: number, keys: number, time: number): readonly PartitionEvents[] {
  const batches = Array.from({ length: partitions }, () => [new RecordBatchBuilder(batchBytesMax)])
  const counts = Array.from({ length: partitions }, () => 0)
  for (let n = 0; n < records; n++) {
    const { key, value } = eventOf(n, keys, time)
    const partition = partitionForKey(Buffer.from(key), partitions)
    const ofPartition = batches[partition] ?? []
    let last = ofPartition.at(-1)
    if (last === undefined || last.byteLength + last.sizeOf(key, value) > batchBytesMax) {
      last = new RecordBatchBuilder(batchBytesMax)
      ofPartition.push(last)
    }
    last.append(key, value, time)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  return batches.map((ofPartition, partition) => ({ partition, batches: ofPartition, count: counts[partition] ?? 0 }))
}
