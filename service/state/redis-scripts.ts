/** The scripts on a real Redis: whole the first time, by EVALSHA from then on. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { type RedisKeys, redisKeys } from '../topology/names.ts'
import { redisError } from './redis-errors.ts'
import { packKeys, packWrites } from './script-packing.ts'
import {
  answer,
  bucketOf,
  countOf,
  integerOf,
  isBytes,
  isBytesOrNull,
  listOf,
  pairs,
  type Reply,
  replyOf,
  text,
  unexpected,
} from './script-replies.ts'
import { chunkBytesMax, chunkEntriesMax, type CountPage, type ScanPage, type StoreId } from './store-backend.ts'
import {
  type Acquired,
  type AcquireRequest,
  type Answer,
  type ApplyRequest,
  type ConfirmRequest,
  type CountRequest,
  type Foreign,
  type LoadRequest,
  markerText,
  parseMarker,
  type RebuildRequest,
  type ScanRequest,
  scriptCode,
  type StoreScripts,
} from './store-scripts.ts'

/** How many buckets one call of the rebuild script deletes. */
const rebuildBucketsMax = 500

interface Script {
  readonly name: string
  readonly source: Buffer
  readonly sha: string
}
const read = (name: string): Buffer => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url))
/** Each begins with what all have in common. */
function script(name: string): Script {
  const source = Buffer.concat([read('check-store'), read(name)])
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}
const scripts = {
  acquire: script('acquire-store'),
  load: script('load-entries'),
  counts: script('count-entries'),
  scan: script('scan-entries'),
  apply: script('apply-chunk'),
  confirm: script('confirm-marker'),
  rebuild: script('rebuild-store'),
}

type Argument = string | Buffer | number

export class RedisScripts implements StoreScripts {
  readonly #client: Redis | Cluster
  /** Which scripts were sent whole over this connection, for which store partition, as those of a cluster are on several nodes. */
  readonly #sent = new Set<string>()

  constructor(client: Redis | Cluster) {
    this.#client = client
    // Whatever is there now may know none of them.
    client.on('ready', () => this.#sent.clear())
  }

  async acquire(id: StoreId, { nonce, topicId, kind = '' }: AcquireRequest): Promise<Acquired | Foreign> {
    const reply = await this.#run(scripts.acquire, id, storeKeys(redisKeys(id)), [nonce, topicId, kind])
    if (reply.code === scriptCode.FOREIGN) return { kind: text(reply.first) }
    const epoch = text(reply.first)
    const untrusted = (reason: string): Acquired => ({ epoch, marker: null, found: null, reason })
    if (reply.code === scriptCode.LOST) return untrusted(text(reply.second))
    const marker = parseMarker(text(reply.second))
    if (marker === null) return untrusted(`its marker can not be read: ${text(reply.second)}`)
    const call = { script: scripts.acquire.name, id }
    return {
      epoch,
      marker,
      found: { leaderEpoch: integerOf(reply.third, call), ageMs: integerOf(reply.fourth, call) },
      reason: null,
    }
  }

  async load(id: StoreId, { epoch, at, orAt, keys }: LoadRequest): Promise<Answer<readonly (Buffer | null)[]>> {
    const names = redisKeys(id)
    const { packed, buckets } = packKeys(keys)
    const reply = await this.#run(
      scripts.load,
      id,
      [...storeKeys(names), ...buckets.map(names.bucket)],
      [epoch, markerText(at), markerText(orAt), packed, ...buckets],
    )
    return answer({ script: scripts.load.name, id }, reply, (call) => listOf(reply.first, isBytesOrNull, call))
  }

  async counts(id: StoreId, { epoch, at, after }: CountRequest): Promise<Answer<CountPage>> {
    const args = [epoch, markerText(at), after?.toString('hex') ?? '', chunkEntriesMax]
    const reply = await this.#run(scripts.counts, id, storeKeys(redisKeys(id)), args)
    return answer({ script: scripts.counts.name, id }, reply, (call) => {
      const [names, counts] = [listOf(reply.first, isBytes, call), listOf(reply.second, isBytes, call)]
      const buckets = names.map((name, i) => ({ bucket: bucketOf(name, call), entries: countOf(text(counts[i]), call) }))
      return { keyed: countOf(reply.third, call), buckets }
    })
  }

  async scan(id: StoreId, { epoch, at, orAt, bucket, cursor, entriesMax }: ScanRequest): Promise<Answer<ScanPage>> {
    const names = redisKeys(id)
    const name = bucket?.toString('hex') ?? ''
    const keys = [...storeKeys(names), ...(bucket === null ? [] : [names.bucket(name)])]
    const args = [epoch, markerText(at), markerText(orAt), name, cursor ?? '0', entriesMax, chunkBytesMax]
    const reply = await this.#run(scripts.scan, id, keys, args)
    return answer({ script: scripts.scan.name, id }, reply, (call) => {
      const next = text(reply.first)
      if (!/^\d+$/.test(next)) throw unexpected(call, reply.first)
      return { entries: pairs(listOf(reply.second, isBytes, call)), cursor: next === '0' ? null : next }
    })
  }

  async apply(id: StoreId, { epoch, from, to, writes, leaderEpoch, agoMs }: ApplyRequest): Promise<Answer<null>> {
    const names = redisKeys(id)
    const { packed, buckets } = packWrites(writes)
    const keys = [...storeKeys(names), ...buckets.map(names.bucket)]
    const facts = [leaderEpoch ?? '', agoMs ?? '']
    const args = [epoch, markerText(from), markerText(to), ...facts, packed, ...buckets]
    return answer({ script: scripts.apply.name, id }, await this.#run(scripts.apply, id, keys, args), () => null)
  }

  async confirm(id: StoreId, { epoch, at, agoMs }: ConfirmRequest): Promise<Answer<null>> {
    const reply = await this.#run(scripts.confirm, id, storeKeys(redisKeys(id)), [epoch, markerText(at), agoMs])
    return answer({ script: scripts.confirm.name, id }, reply, () => null)
  }

  /** Each call deletes what the one before named: as many calls as the store has buckets, by `rebuildBucketsMax`. */
  async rebuild(id: StoreId, { epoch, position, leaderEpoch }: RebuildRequest): Promise<Answer<null>> {
    const names = redisKeys(id)
    const marker = markerText({ position, chunk: 0 })
    let buckets: readonly string[] = []
    for (;;) {
      const keys = [...storeKeys(names), ...buckets.map(names.bucket)]
      const reply = await this.#run(scripts.rebuild, id, keys, [epoch, marker, leaderEpoch, rebuildBucketsMax, ...buckets])
      const call = { script: scripts.rebuild.name, id }
      if (reply.code !== scriptCode.MORE) return answer(call, reply, () => null)
      buckets = listOf(reply.first, isBytes, call).map(text)
      if (buckets.length === 0) throw unexpected(call, reply.first)
    }
  }

  async close(): Promise<void> {
    this.#client.disconnect()
  }

  /**
   * A call must reach Redis when it is made: a read that was refused and sent again would come behind applies that were made after it, and
   * find the store further on than its markers say.
   */
  async #run({ name, source, sha }: Script, id: StoreId, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const use = `${name} ${keys[0]}`
    const wasSent = this.#sent.has(use)
    this.#sent.add(use)
    const failure = (error: unknown) => {
      const { store, partition } = id
      return redisError(error, `run ${name} for store ${store} of partition ${partition}`, { store, partition })
    }
    try {
      return replyOf(await (wasSent ? this.#call('EVALSHA', sha, keys, args) : this.#call('EVAL', source, keys, args)))
    } catch (error) {
      if (!isMissingScript(error)) throw failure(error)
    }
    try {
      return replyOf(await this.#call('EVAL', source, keys, args))
    } catch (error) {
      throw failure(error)
    }
  }

  #call(command: string, body: Argument, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#client.callBuffer(command, [body, keys.length, ...keys, ...args])
  }
}

const storeKeys = (names: RedisKeys): string[] => [names.meta, names.entries, names.buckets]

const isMissingScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')
