/** Every name that leaves the process: topics, group, member and transactional ids, Redis keys; and what Kafka allows of them. */

/** The changelog of a store. */
export const changelogTopic = (application: string, store: string): string => `${application}-${store}-changelog`

/** The topic through which records travel to the task that owns their new key. */
export const repartitionTopic = (application: string, name: string): string => `${application}-${name}-repartition`

/** All workers of an application are one consumer group. */
export const groupId = (application: string): string => application

/** `group.instance.id` of a worker with static membership. */
export const groupInstanceId = (instanceId: string, worker: number): string => `${instanceId}-${worker}`

/**
 * What every `transactional.id` of an application begins with. The dot is in no application id, so that of two applications none takes
 * the other's ids for its own.
 */
export const transactionalIdPrefix = (application: string): string => `${application}.`

/** `transactional.id` of a worker. */
export const transactionalId = (application: string, instanceId: string, worker: number): string =>
  `${transactionalIdPrefix(application)}${instanceId}.${worker}`

/** The one that takes turns with it (P6). No first one ends in a letter, so that no instance id makes one out of the other. */
export const secondTransactionalId = (application: string, instanceId: string, worker: number): string =>
  `${transactionalId(application, instanceId, worker)}.b`

/** The keys of a store partition in Redis; they share one hash tag, so that one script may use all of them on a cluster. */
export interface RedisKeys {
  /** Hash: epoch, marker, topic id, field counts, time. */
  readonly meta: string
  /** Hash of the keyed entries. */
  readonly entries: string
  /** Sorted set of the buckets there are. */
  readonly buckets: string
  /** Hash of the entries of one bucket, given as the hex digits of its bytes. */
  readonly bucket: (hex: string) => string
}

export function redisKeys(id: { readonly application: string; readonly store: string; readonly partition: number }): RedisKeys {
  const tag = `{${id.application}:${id.store}:${id.partition}}`
  return { meta: `${tag}:m`, entries: `${tag}:k`, buckets: `${tag}:x`, bucket: (hex) => `${tag}:b:${hex}` }
}

const topicNameLengthMax = 249

/** What Kafka would say against `topic` as a name; undefined where it is legal. */
export function topicNameDefect(topic: string): string | undefined {
  if (topic === '') return 'A topic name is empty.'
  if (topic === '.' || topic === '..') return `Topic name '${topic}' is not allowed by Kafka.`
  if (!/^[a-zA-Z0-9._-]+$/.test(topic))
    return `Topic name '${topic}' has characters other than letters, digits, '.', '_' and '-'.`
  if (topic.length > topicNameLengthMax)
    return `Topic name '${topic}' has ${topic.length} characters; Kafka allows ${topicNameLengthMax}.`
  return undefined
}

/** What is wrong with a name given to a store, a repartition or a topology; undefined where it is right. */
export function nameDefect(what: string, name: unknown): string | undefined {
  if (typeof name === 'string' && /^[a-z0-9-]+$/.test(name)) return undefined
  return `The name of ${what} is ${JSON.stringify(name) ?? String(name)}; names are lower-case letters, digits and hyphens.`
}
