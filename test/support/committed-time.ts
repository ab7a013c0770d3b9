/** What is committed of event time, looked at again and again: I7, no watermark goes back, over crashes too. */
import assert from 'node:assert/strict'
import { decodeOffsetMetadata } from '../../service/commit/offset-metadata.ts'
import { decodeProgress } from '../../service/commit/progress-record.ts'
import { parseChangelogRecord } from '../../service/commit/changelog-record.ts'
import type { MemoryKafka } from '../../service/memory/memory-kafka.ts'

export class CommittedTime {
  readonly #kafka: MemoryKafka
  readonly #application: string
  readonly #newest = new Map<string, number>()
  /** How many watermarks were looked at: a test that saw none has shown nothing. */
  seen = 0

  constructor(kafka: MemoryKafka, application: string) {
    this.#kafka = kafka
    this.#application = application
  }

  /** Fails where a watermark is before one that was committed in the same place. */
  look(): void {
    for (const { topic, partition, metadata } of this.#kafka.offsets(this.#application)) {
      const watermarks = decodeOffsetMetadata(metadata ?? '')?.watermarks ?? []
      for (const [i, watermark] of watermarks.entries()) this.#see(`offset of ${topic}-${partition}, ${i}`, watermark)
    }
    for (const { name, partitions } of this.#kafka.topics()) {
      if (!name.endsWith('-changelog')) continue
      for (let partition = 0; partition < partitions; partition++) this.#changelog(name, partition)
    }
  }

  #changelog(topic: string, partition: number): void {
    const columns = this.#kafka.records(topic, partition, 'committed')
    for (let i = 0; i < columns.count; i++) {
      const value = columns.value(i)
      if (value === null || parseChangelogRecord(columns.key(i), value) !== 'progress') continue
      const offset = columns.offsets[i] ?? 0
      const { watermark, withTimes = [], mergedWatermarks = {}, upstreamWatermarks } = decodeProgress(value)
      const place = `progress in ${topic}-${partition}`
      // In the order of offsets, so that each is compared with the one before it.
      if (this.#see(`${place}, position`, offset) === 'old') continue
      this.#see(place, watermark)
      for (const [n, time] of withTimes.entries()) this.#see(`${place}, withTime ${n}`, time)
      for (const [store, time] of Object.entries(mergedWatermarks)) this.#see(`${place}, in front of ${store}`, time)
      for (const [upstream, time] of Object.entries(upstreamWatermarks))
        if (time !== 'idle') this.#see(`${place}, upstream ${upstream}`, time)
    }
  }

  #see(place: string, watermark: number | null): 'new' | 'old' {
    const before = this.#newest.get(place)
    if (place.endsWith('position')) {
      if (before !== undefined && Number(watermark) <= before) return 'old'
    } else {
      this.seen += 1
      assert.ok(
        (watermark ?? Number.NEGATIVE_INFINITY) >= (before ?? Number.NEGATIVE_INFINITY),
        `${place}: ${watermark} after ${before}`,
      )
    }
    if (watermark !== null) this.#newest.set(place, watermark)
    return 'new'
  }
}
