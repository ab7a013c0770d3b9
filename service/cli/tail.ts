/** Follows output topics, read_committed, for the screen: the newest rows as text. */
import type { Clock } from '../clock.ts'
import { type Feed, Fetcher } from '../kafka/fetcher.ts'
import { listOffsets, partitionKey } from '../kafka/offsets.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { DevKafka } from './dev-kafka.ts'
import type { ShownRow } from './view.ts'

const megabyte = 1024 * 1024

export class Tail {
  readonly #fetcher: Fetcher
  readonly #feeds: readonly Feed[]

  private constructor(fetcher: Fetcher, feeds: readonly Feed[]) {
    this.#fetcher = fetcher
    this.#feeds = feeds
  }

  /** Begins at the present end of `topics`. */
  static async open({ cluster }: DevKafka, clock: Clock, topics: readonly string[]): Promise<Tail> {
    const found = await cluster.topics(topics)
    const partitions = [...found].flatMap(([topic, facts]) => facts.partitions.map(({ index }) => ({ topic, partition: index })))
    const ends = await listOffsets(cluster, partitions, 'latest', 'read_committed')
    const fetcher = new Fetcher({
      cluster,
      clock,
      isolation: 'read_committed',
      maxWaitMs: 250,
      partitionBytesMax: megabyte,
      readAheadBytesMax: 4 * megabyte,
    })
    const feeds = partitions.map(({ topic, partition }) =>
      fetcher.add(topic, partition, ends.get(partitionKey(topic, partition))?.offset ?? 0),
    )
    return new Tail(fetcher, feeds)
  }

  /** The newest rows since the last call, at most `rowsMax`, oldest first; the rest is passed over. */
  take(rowsMax: number): readonly ShownRow[] {
    const rows = this.#feeds.flatMap((feed) => newestOf(feed, rowsMax))
    return rows.sort((a, b) => a.time - b.time).slice(-rowsMax)
  }

  close(): Promise<void> {
    return this.#fetcher.close()
  }
}

function newestOf(feed: Feed, rowsMax: number): ShownRow[] {
  const rows: ShownRow[] = []
  for (const chunk of feed.chunks.splice(0)) {
    const { columns } = chunk
    for (let i = Math.max(0, columns.count - rowsMax); i < columns.count; i++) rows.push(rowOf(columns, i, feed.topic))
    feed.consumed(chunk.byteLength)
  }
  return rows.slice(-rowsMax)
}

function rowOf(columns: RecordColumns, index: number, from: string): ShownRow {
  const key = columns.key(index)?.toString() ?? '(no key)'
  const value = columns.value(index)?.toString() ?? '(deleted)'
  return { from, text: `${key}  ${value}`, time: columns.timestamps[index] ?? 0 }
}
