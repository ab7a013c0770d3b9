/** Our fetch and decode alone, or with JSON.parse: what a topology costs at least. */
import { systemClock } from '../../service/clock.ts'
import { rangeDecoderOf } from '../../service/codec/codec.ts'
import { json } from '../../service/codec/json.ts'
import { Fetcher } from '../../service/kafka/fetcher.ts'
import type { RecordColumns } from '../../service/kafka/records/record-columns.ts'
import { BenchCluster } from './bench-cluster.ts'
import { partitions } from './input.ts'
import type { Side, SideOptions } from './side.ts'

/** As a worker has it by default. */
const limits = { maxWaitMs: 100, partitionBytesMax: 2 * 1024 * 1024, readAheadBytesMax: 32 * 1024 * 1024 }

const work = {
  decode: (columns: RecordColumns): number => {
    let bytes = 0
    for (let i = 0; i < columns.count; i++) bytes += columns.valueLength(i)
    return bytes
  },
  parse: (columns: RecordColumns): number => {
    let objects = 0
    for (let i = 0; i < columns.count; i++) {
      const value = decode(columns.valueBuffer(i), columns.valueStart(i), columns.valueEnd(i))
      if (value !== null) objects++
    }
    return objects
  },
}
const decode = rangeDecoderOf(json<object>())

export async function openFetchSide({ brokers, topic }: SideOptions, kind: keyof typeof work): Promise<Side> {
  const bench = new BenchCluster(brokers)
  const { cluster } = bench
  await cluster.connect()
  const fetcher = new Fetcher({ cluster, clock: systemClock, isolation: 'read_committed', ...limits })
  const feeds = Array.from({ length: partitions }, (_, partition) => fetcher.add(`${topic}-in`, partition, 0))
  const positions = feeds.map(() => 0)
  let found = 0
  return {
    finish: async (ends) => {
      while (ends.some((end, partition) => (positions[partition] ?? 0) < end)) {
        await fetcher.arrival()
        for (const [partition, feed] of feeds.entries()) {
          if (feed.error !== null) throw feed.error
          for (let chunk = feed.chunks.shift(); chunk !== undefined; chunk = feed.chunks.shift()) {
            found += work[kind](chunk.columns)
            positions[partition] = chunk.nextOffset
            feed.consumed(chunk.byteLength)
          }
        }
      }
      if (found === 0) throw new Error('nothing was read')
    },
    close: async () => {
      await fetcher.close()
      await bench.close()
    },
  }
}
