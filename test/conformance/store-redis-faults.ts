/** What can happen to a store in Redis, done to it by a client of its own. */
import type { Cluster, Redis } from 'ioredis'
import type { StoreId } from '../../service/state/store-backend.ts'
import { redisKeys } from '../../service/topology/names.ts'
import type { StoreFaults } from './store-fixtures.ts'

async function keysOf(client: Redis | Cluster, id: StoreId): Promise<string[]> {
  const names = redisKeys(id)
  const buckets = await client.zrange(names.buckets, '0', '-1')
  const known = (await client.hkeys(names.meta)).filter((field) => field.startsWith('b:')).map((field) => field.slice(2))
  return [names.meta, names.entries, names.buckets, ...new Set([...buckets, ...known].map(names.bucket))]
}

export function redisFaults(client: Redis | Cluster): StoreFaults {
  return {
    async loseEverything(id) {
      await client.del(...(await keysOf(client, id)))
    },
    async loseKey(id, key) {
      const names = redisKeys(id)
      await client.del({ m: names.meta, k: names.entries, x: names.buckets }[key])
    },
    async loseEntry(id, key, bucket) {
      const names = redisKeys(id)
      await client.hdel(bucket === undefined ? names.entries : names.bucket(bucket.toString('hex')), key)
    },
    async loseField(id, field) {
      await client.hdel(redisKeys(id).meta, field)
    },
    async loseBucket(id, bucket) {
      await client.del(redisKeys(id).bucket(bucket))
    },
    async snapshot(id) {
      const keys = await keysOf(client, id)
      const dumps = await Promise.all(keys.map(async (key) => ({ key, dump: await client.dumpBuffer(key) })))
      return async () => {
        await client.del(...keys)
        for (const { key, dump } of dumps) if (dump !== null) await client.restore(key, 0, dump)
      }
    },
    async contents(id) {
      const names = redisKeys(id)
      const buckets = await client.zrange(names.buckets, '0', '-1')
      const held = await Promise.all(buckets.map(async (name) => [name, await client.hgetall(names.bucket(name))] as const))
      return {
        entries: { ...(await client.hgetall(names.entries)) },
        buckets: Object.fromEntries(held.map(([name, h]) => [name, { ...h }])),
      }
    },
  }
}
