/** Our fetch and decode alone, or with JSON.parse: what a topology costs at least. */
import { systemClock } from '../../service/clock.ts'
import { rangeDecoderOf } from '../../service/codec/codec.ts'
import { json } from '../../service/codec/json.ts'
import type { Cluster } from '../../service/kafka/cluster.ts'
import { Fetcher } from '../../service/kafka/fetcher.ts'
import type { RecordColumns } from '../../service/kafka/records/record-columns.ts'
import { BenchCluster, type Ends } from './bench-cluster.ts'
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
  await bench.cluster.connect()
  const reading = readTopic(bench.cluster, `${topic}-in`)
  let found = 0
  return {
    finish: async (ends) => {
      await reading.until(ends, (columns) => {
        found += work[kind](columns)
      })
      if (found === 0) throw new Error('nothing was read')
    },
    close: async () => {
      await reading.close()
      await bench.close()
    },
  }
}

/** A topic from its begin, read on with each call up to where it is asked for. */
export interface TopicReading {
  until(ends: Ends, take: (columns: RecordColumns) => void): Promise<void>
  close(): Promise<void>
}

/** Begins to fetch all partitions, of committed records. */
export function readTopic(cluster: Cluster, topic: string): TopicReading {
  const fetcher = new Fetcher({ cluster, clock: systemClock, isolation: 'read_committed', ...limits })
  const feeds = Array.from({ length: partitions }, (_, partition) => fetcher.add(topic, partition, 0))
  const positions = feeds.map(() => 0)
  return {
    until: async (ends, take) => {
      while (ends.some((end, partition) => (positions[partition] ?? 0) < end)) {
        await fetcher.arrival()
        for (const [partition, feed] of feeds.entries()) {
          if (feed.error !== null) throw feed.error
          for (let chunk = feed.chunks.shift(); chunk !== undefined; chunk = feed.chunks.shift()) {
            take(chunk.columns)
            positions[partition] = chunk.nextOffset
            feed.consumed(chunk.byteLength)
          }
        }
      }
    },
    close: () => fetcher.close(),
  }
}
