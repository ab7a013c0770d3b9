/** The invariants that hold when everything has come to rest, each as a check of its own (DESIGN, exactly-once). */
import assert from 'node:assert/strict'
import { decodeOffsetMetadata, type OffsetMetadata } from '../../service/commit/offset-metadata.ts'
import type { ProgressRecord } from '../../service/commit/progress-record.ts'
import { application, type SimulatedCluster } from './simulated-cluster.ts'

/** I1, I11: the output is the function of the input: nothing lost, nothing twice, in order for each key. */
export function outputFollowsInput(cluster: SimulatedCluster): void {
  cluster.simulated.check(
    (topic) => cluster.outputs(topic),
    cluster.last,
    (topic) => cluster.inputs(topic),
  )
}

/** I2: no transaction hangs: what readers of committed records see ends where the log does. */
export function nothingHangs(cluster: SimulatedCluster): void {
  const { kafka } = cluster
  assert.deepEqual(kafka.openTransactions(), [], 'a transaction is still open')
  for (const { topic, partition } of cluster.partitions()) {
    const [stable, end] = [kafka.lastStableOffset(topic, partition), kafka.endOffset(topic, partition)]
    assert.equal(stable, end, `${topic}-${partition}: the last stable offset is behind the end`)
  }
}

/** I3: what was committed is the end of the input. */
export function offsetsAreAtTheEnd(cluster: SimulatedCluster): void {
  assert.deepEqual(cluster.behind(), [], 'committed offsets are not at the end of the input')
}

/**
 * I4: the store is the fold of the committed changelog, and no key more. What somebody else deleted from a bucket shows in its count, and is
 * noticed when the bucket is read or written.
 */
export function storeIsFoldOfChangelog(cluster: SimulatedCluster): void {
  for (const store of cluster.stores()) {
    const texts = (entries: ReadonlyMap<string, Buffer>) =>
      Object.fromEntries(
        [...entries]
          .map(([key, value]) => [key, value.toString().slice(0, 100)] as const)
          .toSorted(([one], [other]) => one.localeCompare(other)),
      )
    const unnoticed = cluster.store.lossesOf(store)
    const noticed = (entries: ReadonlyMap<string, Buffer>) =>
      new Map([...entries].filter(([name]) => !unnoticed.has(name.slice(0, name.indexOf(' ')))))
    const [held, folded] = [texts(noticed(cluster.held(store))), texts(noticed(cluster.fold(store)))]
    assert.deepEqual(held, folded, `store ${store.store}-${store.partition} is not the fold of its changelog`)
  }
}

/** I7: watermarks of tasks, and what they have heard of others, never go back from one commit to the next. */
export function watermarksNeverGoBack(cluster: SimulatedCluster): void {
  for (const { changelog, partition } of cluster.stores()) {
    const place = `${changelog}-${partition}`
    let before: ProgressRecord | null = null
    for (const record of cluster.progressRecords(changelog, partition)) {
      isNotBefore(record.watermark, before?.watermark, `${place}: the watermark of its task`)
      for (const [index, watermark] of (record.withTimes ?? []).entries())
        isNotBefore(watermark, before?.withTimes?.[index], `${place}: the watermark of a withTime`)
      for (const [upstream, watermark] of Object.entries(record.upstreamWatermarks)) {
        const heard: number | 'idle' | undefined = before?.upstreamWatermarks[upstream]
        if (watermark !== 'idle' && heard !== 'idle') isNotBefore(watermark, heard, `${place}: what was heard of ${upstream}`)
      }
      before = record
    }
  }
}

function isNotBefore(now: number | null, before: number | null | undefined, what: string): void {
  assert.ok(
    before === null || before === undefined || (now !== null && now >= before),
    `${what} went from ${before} back to ${now}`,
  )
}

/** I9: what a reader saw while everything happened is the beginning of what any later reader sees. */
export class ConcurrentReader {
  readonly #cluster: SimulatedCluster
  readonly #seen = new Map<string, readonly string[]>()

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Reads on; fails where something that was read is not there any more, or something came in before it. */
  read(): void {
    for (const { topic, partition } of this.#cluster.partitions(this.#cluster.simulated.outputs)) {
      const place = `${topic}-${partition}`
      const now = this.#cluster.readCommitted(topic, partition)
      const before = this.#seen.get(place) ?? []
      assert.deepEqual(now.slice(0, before.length), before, `${place}: a reader saw what later readers do not`)
      this.#seen.set(place, now)
    }
  }
}

/** I1 and I7, seen from the offsets: neither positions nor watermarks that were committed are ever taken back. */
export class CommittedOffsets {
  readonly #cluster: SimulatedCluster
  readonly #seen = new Map<string, number>()
  readonly #watermarks = new Map<string, OffsetMetadata['watermarks']>()

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Fails where an offset of the group, or a watermark beside it, is before one that it had; the broker may forget offsets in between. */
  check(): void {
    for (const { topic, partition, offset, metadata } of this.#cluster.kafka.offsets(application)) {
      const place = `${topic}-${partition}`
      const before = this.#seen.get(place) ?? offset
      assert.ok(offset >= before, `${place}: the group had committed offset ${before}, and ${offset} was committed over it`)
      this.#seen.set(place, offset)
      this.#checkWatermarks(place, decodeOffsetMetadata(metadata)?.watermarks ?? [])
    }
  }

  #checkWatermarks(place: string, watermarks: OffsetMetadata['watermarks']): void {
    const before = this.#watermarks.get(place) ?? []
    this.#watermarks.set(place, watermarks)
    for (const [index, watermark] of watermarks.entries()) isNotBefore(watermark, before[index], `${place}: a watermark`)
  }
}
