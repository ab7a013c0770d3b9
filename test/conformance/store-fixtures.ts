/** What the tests of the port of a store backend share: writes and reads as text, and the faults of a store that outlives its owner. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bucketBytes } from '../../service/state/bucket-bytes.ts'
import type { Marker, StoreBackend, StoreHandle, StoreId, StoreWrite } from '../../service/state/store-backend.ts'

/** Things that happen to a durable store behind its owner's back. */
export interface StoreFaults {
  loseEverything(id: StoreId): Promise<void>
  loseKey(id: StoreId, key: 'm' | 'k' | 'x'): Promise<void>
  /** A keyed one, or one of a bucket. */
  loseEntry(id: StoreId, key: Buffer, bucket?: Buffer): Promise<void>
  /** A field of the key m. */
  loseField(id: StoreId, field: string): Promise<void>
  /** `bucket` as hex digits. */
  loseBucket(id: StoreId, bucket: string): Promise<void>
  /** Resolves with a function that sets the store back to what it holds now. */
  snapshot(id: StoreId): Promise<() => Promise<void>>
  /** All of it, as text that can be compared: keyed entries and, by hex digits, buckets. */
  contents(id: StoreId): Promise<unknown>
}

export interface StoreUnderTest {
  readonly backend: StoreBackend
  /** Null where the store does not outlive its owner. */
  readonly faults: StoreFaults | null
}

export const zero: Marker = { position: 0, chunk: 0 }
export const at = (position: number, chunk = 0): Marker => ({ position, chunk })
export const topic = 'T'.repeat(22)
export const put = (key: string, value: string | null): StoreWrite => ({
  bucket: null,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})
export const putIn = (time: number, key: string, value: string | null): StoreWrite => ({
  ...put(key, value),
  bucket: bucketBytes(time),
})
export const hex = (time: number): string => bucketBytes(time).toString('hex')

let stores = 0
/** A store that no other test uses. */
export const newId = (): StoreId => ({ application: `suite-${process.pid}-${Date.now()}`, store: `s${stores++}`, partition: 3 })

export async function emptyStore(backend: StoreBackend, id: StoreId, position = 0): Promise<StoreHandle> {
  const handle = await backend.acquire(id, topic)
  await handle.rebuild(position)
  return handle
}

export async function loadText(
  handle: StoreHandle,
  marker: Marker,
  keys: readonly string[],
  or?: Marker,
): Promise<(string | null)[]> {
  const values = await handle.load(
    marker,
    keys.map((key) => ({ bucket: null, key: Buffer.from(key) })),
    or,
  )
  return values.map((value) => value?.toString() ?? null)
}

export type DurableTest = (backend: StoreBackend, faults: StoreFaults) => Promise<void>

/** A test for stores that outlive their owner. */
export function durably(underTest: () => StoreUnderTest, name: string, run: DurableTest): void {
  it(name, async () => {
    const { backend, faults } = underTest()
    assert.ok(faults)
    await run(backend, faults)
  })
}
