/** The store backend over the scripts: the same class for Redis and for its stand-in, so that both are held to one suite. */
import type { Clock } from '../clock.ts'
import { FatalError, StoreFencedError, StoreLostError } from '../errors.ts'
import {
  type Chunk,
  chunkBytesMax,
  chunkEntriesMax,
  type CountPage,
  type EntryKey,
  type FoundFacts,
  type Marker,
  type ScanPage,
  type ScanRange,
  type StoreBackend,
  type StoreHandle,
  type StoreId,
  writeBytes,
} from './store-backend.ts'
import { type Acquired, type Answer, type Foreign, scriptCode, type StoreScripts } from './store-scripts.ts'

export class ScriptBackend implements StoreBackend {
  readonly kind: string
  readonly durable = true
  readonly #scripts: StoreScripts
  readonly #clock: Clock
  constructor(kind: string, scripts: StoreScripts, clock: Clock) {
    this.kind = kind
    this.#scripts = scripts
    this.#clock = clock
  }

  async acquire(id: StoreId, changelogTopicId: string, kind?: string): Promise<StoreHandle> {
    const acquired = await this.#scripts.acquire(id, {
      nonce: this.#clock.id(),
      topicId: changelogTopicId,
      ...(kind === undefined ? {} : { kind }),
    })
    if ('kind' in acquired) throw foreign(this.kind, id, acquired)
    return new ScriptHandle(id, acquired, this.#scripts, this.#clock)
  }

  close(): Promise<void> {
    return this.#scripts.close()
  }
}

const foreign = (backend: string, { application, store, partition }: StoreId, { kind }: Foreign) =>
  new FatalError(
    `store ${store} is kept otherwise (shape, codec or windows) in ${backend} than here: another topology, or an earlier form of this one, has ` +
      `this application id. Choose another one or, where nothing runs under this one any more, delete the keys that begin with {${application}:${store}:`,
    { fields: { store, partition, kind } },
  )

class ScriptHandle implements StoreHandle {
  readonly id: StoreId
  readonly marker: Marker | null
  readonly untrusted: string | null
  readonly found: FoundFacts | null
  readonly #epoch: string
  readonly #scripts: StoreScripts
  readonly #clock: Clock
  constructor(id: StoreId, acquired: Acquired, scripts: StoreScripts, clock: Clock) {
    this.id = id
    this.marker = acquired.marker
    this.untrusted = acquired.reason
    this.found = acquired.found
    this.#epoch = acquired.epoch
    this.#scripts = scripts
    this.#clock = clock
  }

  async load(at: Marker, keys: readonly EntryKey[], orAt: Marker = at): Promise<readonly (Buffer | null)[]> {
    if (keys.length > chunkEntriesMax) throw this.#defect(`${keys.length} keys in one load`)
    const values = this.#verdict(await this.#scripts.load(this.id, { epoch: this.#epoch, at, orAt, keys }))
    if (values.length !== keys.length) throw this.#defect(`${values.length} values for ${keys.length} keys`)
    return values
  }

  async counts(at: Marker, after: Buffer | null): Promise<CountPage> {
    return this.#verdict(await this.#scripts.counts(this.id, { epoch: this.#epoch, at, after }))
  }

  async scan(at: Marker, range: ScanRange, orAt: Marker = at): Promise<ScanPage> {
    if (range.entriesMax > chunkEntriesMax) throw this.#defect(`${range.entriesMax} entries in one page`)
    return this.#verdict(await this.#scripts.scan(this.id, { ...range, epoch: this.#epoch, at, orAt }))
  }

  async apply({ from, to, writes, leaderEpoch, currentAt }: Chunk): Promise<void> {
    let bytes = 0
    for (const write of writes) bytes += writeBytes(write)
    if (writes.length > chunkEntriesMax || (writes.length > 1 && bytes > chunkBytesMax))
      throw this.#defect(`a chunk of ${writes.length} writes and ${bytes} bytes`)
    const agoMs = currentAt === undefined ? null : this.#agoMs(currentAt)
    const request = { epoch: this.#epoch, from, to, writes, leaderEpoch: leaderEpoch ?? null, agoMs }
    this.#verdict(await this.#scripts.apply(this.id, request))
  }

  async confirm(at: Marker, currentAt: number): Promise<void> {
    this.#verdict(await this.#scripts.confirm(this.id, { epoch: this.#epoch, at, agoMs: this.#agoMs(currentAt) }))
  }

  async rebuild(position: number, leaderEpoch = -1): Promise<void> {
    this.#verdict(await this.#scripts.rebuild(this.id, { epoch: this.#epoch, position, leaderEpoch }))
  }

  /** Elapsed time goes to the store, which has a clock of its own: those of its owners may differ, and be set (P13). */
  #agoMs(monotonic: number): number {
    return Math.max(0, Math.ceil(this.#clock.monotonic() - monotonic))
  }

  #verdict<T>(answer: Answer<T>): T {
    const { store, partition } = this.id
    switch (answer.code) {
      case scriptCode.OK:
        return answer.value
      case scriptCode.FENCED:
        throw new StoreFencedError(`Store ${store} of partition ${partition} was taken over by another worker.`, {
          fields: { store, partition, epoch: this.#epoch, found: answer.epoch },
        })
      case scriptCode.LOST:
        throw new StoreLostError(`Store ${store} of partition ${partition} is not what was left there: ${answer.reason}.`, {
          fields: { store, partition, reason: answer.reason },
        })
    }
  }

  #defect(what: string): FatalError {
    const { store, partition } = this.id
    return new FatalError(`Defect in caudal: ${what} for store ${store} of partition ${partition}.`, {
      fields: { store, partition },
    })
  }
}
