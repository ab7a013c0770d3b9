/** What an application holds in Redis, read without any code of the service. */
import { Cluster, type Redis } from 'ioredis'
import { redisClient } from './logins.ts'
import { until } from './processes.ts'

/** By key of Redis, with the hash tag as it stands: of each hash its fields and values, as latin1. */
export type RedisHashes = ReadonlyMap<string, ReadonlyMap<string, string>>

/** All but the sets that list the buckets of a store. @throws Error where another key of the application is no hash */
export async function redisHashes(url: string, application: string): Promise<RedisHashes> {
  return withRedis(url, async (redis) => {
    const found = new Map<string, ReadonlyMap<string, string>>()
    for (const key of await keysOf(redis, application)) {
      if (key.endsWith('}:x')) continue
      const fields = Object.entries(await redis.hgetallBuffer(Buffer.from(key, 'latin1')))
      found.set(key, new Map(fields.map(([field, value]) => [field, value.toString('latin1')])))
    }
    return found
  })
}

/** Everything that an application holds, as Redis itself dumps it. */
export type RedisSnapshot = readonly (readonly [key: string, dump: Buffer])[]

export const takeSnapshot = (url: string, application: string): Promise<RedisSnapshot> =>
  withRedis(url, async (redis) => {
    const keys = await keysOf(redis, application)
    const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)))
    return keys.flatMap((key, index) => (dumps[index] ? [[key, dumps[index]] as const] : []))
  })

/** Sets everything back to the snapshot at one moment. */
export const restoreSnapshot = (url: string, snapshot: RedisSnapshot): Promise<unknown> =>
  withRedis(url, async (redis) => {
    const transaction = redis.multi()
    for (const [key, dump] of snapshot) transaction.restore(key, 0, dump, 'REPLACE')
    await transaction.exec()
  })

/** Writes another epoch to a store partition, as whoever takes it over does. */
export const takeOverInRedis = (url: string, meta: string): Promise<unknown> =>
  withRedis(url, (redis) => redis.hset(meta, 'epoch', '1000000:another'))

/** Bytes that it uses. */
export const memoryOfRedis = (url: string): Promise<number> =>
  withRedis(url, async (redis) => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]))

/** It takes no writes beyond so many bytes; 0: without a limit. */
export const limitRedis = (url: string, bytesMax: number): Promise<unknown> =>
  withRedis(url, (redis) => redis.config('SET', 'maxmemory', bytesMax))

/** Deletes everything that Redis holds. */
export const flushRedis = (url: string): Promise<unknown> => withRedis(url, (redis) => redis.flushall())

/** Deletes one key. */
export const deleteFromRedis = (url: string, key: string): Promise<number> => withRedis(url, (redis) => redis.del(key))

/** Makes it a replica of another, and waits until it holds all that the other held. */
export const followRedis = (url: string, master: string): Promise<unknown> =>
  withRedis(url, async (redis) => {
    const { hostname, port } = new URL(master)
    await redis.replicaof(hostname, port)
    await until(async () => /^master_link_status:up/m.test(await redis.info('replication')), 'the replica follows')
  })

/** A replica gets nothing more, and stays one. */
export const cutOffReplica = (url: string): Promise<unknown> => withRedis(url, (redis) => redis.replicaof('127.0.0.1', 1))

/** A replica becomes a master, and answers where its master did, which has ended. */
export const promoteReplica = (url: string, master: string): Promise<unknown> =>
  withRedis(url, async (redis) => {
    await redis.replicaof('NO', 'ONE')
    await redis.config('SET', 'port', new URL(master).port)
  })

/** Calls a command. */
export const askRedis = (url: string, command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown> =>
  withRedis(url, (redis) => redis.callBuffer(command, [...args]))

/** Keys and values of all that does not belong to an application, as Redis itself dumps them. */
export const dumpOfOthers = (url: string, application: string): Promise<ReadonlyMap<string, string | undefined>> =>
  withRedis(url, async (redis) => {
    const names = (await redis.keysBuffer('*')).map((key) => key.toString('latin1')).sort()
    const others = names.filter((name) => !name.startsWith(`{${application}:`))
    const dumpOf = async (name: string) => (await redis.dumpBuffer(Buffer.from(name, 'latin1')))?.toString('hex')
    return new Map(await Promise.all(others.map(async (name) => [name, await dumpOf(name)] as const)))
  })

async function keysOf(redis: Redis | Cluster, application: string): Promise<readonly string[]> {
  const keys = new Set<string>()
  // Each master of a cluster knows its own.
  for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
    let cursor = '0'
    do {
      const [next, found] = await node.scanBuffer(cursor, 'MATCH', `{${application}:*`, 'COUNT', 1000)
      for (const key of found) keys.add(key.toString('latin1'))
      cursor = next.toString()
    } while (cursor !== '0')
  }
  return [...keys].sort()
}

async function withRedis<T>(url: string, use: (redis: Redis | Cluster) => Promise<T>): Promise<T> {
  const redis = redisClient(url)
  try {
    // Without a word before it, a cluster does not know its nodes.
    if (redis instanceof Cluster) await redis.ping()
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}
