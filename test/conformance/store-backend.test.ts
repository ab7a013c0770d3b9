import { after, it } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { silentLog } from '../../service/log.ts'
import { MemoryStoreBackend } from '../../service/state/memory-store.ts'
import { RedisStoreBackend } from '../../service/state/redis-store.ts'
import { ScriptedStore } from '../../service/state/scripted-store.ts'
import { redisAuthority, redisClient } from '../support/logins.ts'
import { redisFaults } from './store-redis-faults.ts'
import type { StoreFaults } from './store-fixtures.ts'
import { storeSuite } from './store-suite.ts'

storeSuite('memory', () => ({ backend: new MemoryStoreBackend(), faults: null }))

const scripted = new ScriptedStore(systemClock)
const text = (entries: ReadonlyMap<string, Buffer>) =>
  Object.fromEntries([...entries].map(([key, value]) => [key, value.toString()]))
const scriptedFaults: StoreFaults = {
  loseEverything: async () => scripted.loseEverything(),
  loseKey: async (id, key) => scripted.loseKey(id, key),
  loseEntry: async (id, key, bucket) => scripted.loseEntry(id, key, bucket),
  loseField: async (id, field) => scripted.loseField(id, field),
  loseBucket: async (id, bucket) => scripted.loseBucket(id, bucket),
  snapshot: async () => {
    const { restore } = scripted.snapshot()
    return async () => restore()
  },
  contents: async (id) => ({
    entries: text(scripted.entries(id)),
    buckets: Object.fromEntries([...scripted.bucketEntries(id)].map(([name, entries]) => [name, text(entries)])),
  }),
}
storeSuite('stand-in of the scripts', () => ({ backend: scripted.backend(systemClock), faults: scriptedFaults }))

const url = process.env['CAUDAL_TEST_REDIS']
if (url === undefined) {
  it('store backend: redis', { skip: 'CAUDAL_TEST_REDIS is not set: no Redis to test on' }, () => {})
} else {
  const backend = new RedisStoreBackend({ url, ...redisAuthority, log: silentLog, clock: systemClock, commandTimeoutMs: 5000 })
  const client = redisClient(url)
  await backend.connect()
  after(async () => {
    await backend.close()
    client.disconnect()
  })
  storeSuite('redis', () => ({ backend, faults: redisFaults(client) }))
}
