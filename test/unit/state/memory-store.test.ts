/** What the conformance suite of the port cannot see of the store in memory: which bytes it keeps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MemoryStoreBackend } from '../../../service/state/memory-store.ts'
import type { StoreHandle } from '../../../service/state/store-backend.ts'

const megabyte = 2 ** 20

/** Puts one value of a block, as it is fetched, into a store. The block is returned weakly: only the store can keep it. */
function restoreFromBlock(store: StoreHandle, valueBytes: number): WeakRef<ArrayBufferLike> {
  const block = Buffer.alloc(megabyte, 'x')
  const value = block.write('key', 'latin1')
  store.applyRecords?.({ position: 0, chunk: 0 }, 1, (take) => take('', block, 0, value, value, value + valueBytes))
  return new WeakRef(block.buffer)
}

for (const valueBytes of [10, 5_000]) {
  test(`a value of ${valueBytes} bytes does not keep the block that it was fetched in`, async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const store = await new MemoryStoreBackend().acquire({ application: 'app', store: 'store', partition: 0 })
    await store.rebuild(0)
    const block = restoreFromBlock(store, valueBytes)
    // A weak reference holds until the turn that made it is over.
    await new Promise(setImmediate)
    collect()
    assert.equal(block.deref(), undefined)
    const [value] = await store.load({ position: 1, chunk: 0 }, [{ bucket: null, key: Buffer.from('key') }])
    assert.deepEqual(value, Buffer.alloc(valueBytes, 'x'))
  })
}
