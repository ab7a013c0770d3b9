/** Taking a task (P8–P11): stable offsets, acquire the stores, ask for the end, restore up to it; then it may run. */
import { decodeOffsetMetadata, encodeOffsetMetadata, type OffsetMetadata } from '../commit/offset-metadata.ts'
import type { ProgressRecord, SourcePosition } from '../commit/progress-record.ts'
import { FatalError, StoppedError, StoreUnavailableError } from '../errors.ts'
import type { TopicMetadata } from '../kafka/cluster.ts'
import { type CommittedOffset, commitOffsets, fetchStableOffsets, listOffsets, partitionKey } from '../kafka/offsets.ts'
import { groupOffsetsPartition } from '../kafka/hanging-transactions.ts'
import type { StoreHandle } from '../state/store-backend.ts'
import { parseTaskId, type TaskId } from '../task-id.ts'
import type { SourceNode, StoreSpec } from '../topology/node.ts'
import type { Plan } from '../topology/plan.ts'
import type { TakingContext } from './taking-context.ts'
import { freeFromDeadWriters } from './dead-writers.ts'
import { type RestoredStore, restoreStore } from './restoring.ts'

export interface TakenTask {
  readonly id: TaskId
  /** Where each source partition goes on. */
  readonly positions: readonly SourcePosition[]
  /** Per source topic, how many partitions it had when the group first read it. */
  readonly partitionsAtStart: ReadonlyMap<string, number>
  readonly batch: number
  readonly stores: readonly RestoredStore[]
}

type StartAt = SourceNode['startAt']
interface Source {
  readonly topic: string
  readonly partition: number
  readonly metadata: TopicMetadata
}
type Committed = CommittedOffset & { readonly parsed: OffsetMetadata | null }

/** Takes the task, again from the first step whenever a dead writer was fenced on the way. @throws StoppedError when aborted */
export async function takeTask(context: TakingContext, id: TaskId): Promise<TakenTask> {
  const { clock, signal } = context
  const since = clock.monotonic()
  for (;;) {
    if (signal.aborted) throw new StoppedError(`taking of task ${id} was given up`)
    context.progress()
    try {
      const taken = await takeOnce(context, id)
      if (taken !== 'again') return taken
    } catch (error) {
      // A leader that was just elected may not know its end yet: only what stays lost is lost.
      if (!(error instanceof ChangelogLostError) || clock.monotonic() - since > changelogPatienceMs) throw error
      context.cluster.invalidate()
      await clock.sleep(200, signal)
    }
  }
}

async function takeOnce(context: TakingContext, id: TaskId): Promise<TakenTask | 'again'> {
  const sources = await sourcesOf(context, id)
  const offsets = await stableOffsets(context, sources)
  if (offsets === 'again') return 'again'
  const stores = storesOf(context.plan, id)
  const handles = await Promise.all(stores.map((store) => acquire(context, id, store)))
  const restored: RestoredStore[] = []
  for (const [index, spec] of stores.entries()) {
    const handle = handles[index]
    if (handle === undefined) continue
    const lastOffset = lastOffsetOf(sources, offsets, spec.name)
    const store = await restoreStore(context, { id, spec, handle, lastOffset })
    if (store === 'again') return 'again'
    restored.push(store)
  }
  return agree(context, id, sources, offsets, restored)
}

const storesOf = (plan: Plan, id: TaskId): readonly StoreSpec[] =>
  plan.graph.subtopologies[parseTaskId(id).subtopology]?.stores ?? []

async function sourcesOf(context: TakingContext, id: TaskId): Promise<readonly Source[]> {
  const partitions = context.plan.taskPartitions(id)
  const topics = await context.cluster.topics([...new Set(partitions.map(({ topic }) => topic))])
  return partitions.map(({ topic, partition }) => {
    const metadata = topics.get(topic)
    if (metadata === undefined) throw new FatalError(`topic ${topic} is gone: create it again, or take it out of the topology`)
    return { topic, partition, metadata }
  })
}

/** Step 1: all partitions of the task in one request, repeated until no transaction is pending on any of them. */
async function stableOffsets(
  context: TakingContext,
  sources: readonly Source[],
): Promise<ReadonlyMap<string, Committed> | 'again'> {
  const { cluster, wire, group, clock, signal } = context
  const since = clock.monotonic()
  while (!signal.aborted) {
    context.progress()
    const answer = await fetchStableOffsets(cluster, wire, group, sources)
    if (answer !== 'unstable') {
      return new Map([...answer].map(([key, offset]) => [key, { ...offset, parsed: decodeOffsetMetadata(offset.metadata) }]))
    }
    const stuck = await groupOffsetsPartition(cluster, group)
    if (await freeFromDeadWriters(context, { ...stuck, since, ownChangelog: false })) return 'again'
    await clock.sleep(10, signal)
  }
  throw new StoppedError('reading of stable offsets was given up')
}

/** Step 2. Redis being away is waited for; the loop of the other tasks goes on meanwhile (P15). */
async function acquire(context: TakingContext, id: TaskId, spec: StoreSpec): Promise<StoreHandle> {
  const { plan, cluster, clock, signal } = context
  const topic = plan.changelogOf(spec.name)
  const metadata = (await cluster.topics([topic])).get(topic)
  if (metadata === undefined) throw changelogLost(topic, 'the topic does not exist')
  const store = { application: plan.application, store: spec.name, partition: parseTaskId(id).partition }
  for (let attempt = 0; !signal.aborted; attempt++) {
    context.progress()
    try {
      return await context.backend.acquire(store, metadata.id)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      if (attempt === 0)
        context.log.warn({ store: spec.name, task: id, error: error.message }, 'the state backend is away: waiting for it')
      await clock.sleep(Math.min(1000, 50 * 2 ** attempt), signal)
    }
  }
  throw new StoppedError('acquiring of a store was given up')
}

function lastOffsetOf(sources: readonly Source[], offsets: ReadonlyMap<string, Committed>, store: string): number | undefined {
  for (const { topic, partition } of sources) {
    const last = offsets.get(partitionKey(topic, partition))?.parsed?.stores[store]
    if (last !== undefined) return last[1]
  }
  return undefined
}

/** Step 3 ends with the offsets, the progress records and the topics saying the same (P10). */
async function agree(
  context: TakingContext,
  id: TaskId,
  sources: readonly Source[],
  offsets: ReadonlyMap<string, Committed>,
  stores: readonly RestoredStore[],
): Promise<TakenTask | 'again'> {
  for (const store of stores) checkStore(id, store, sources, offsets)
  const progress = stores.map(({ progress }) => progress).reduce(newer, null)
  // Each transaction writes to all of them, so that one that stands elsewhere was not there all the time, or has lost its end.
  for (const store of stores)
    if (store.progress !== null && store.progress.batch !== progress?.batch) throw earlierLife(id, store)
  const recorded = new Map(progress?.positions.map((position) => [partitionKey(position.topic, position.partition), position]))
  const positions: SourcePosition[] = []
  const partitionsAtStart = new Map<string, number>()
  const starting: Source[] = []
  for (const source of sources) {
    const { topic, partition, metadata } = source
    const key = partitionKey(topic, partition)
    const committed = offsets.get(key)
    const record = recorded.get(key)
    if (record !== undefined && record.topicId !== metadata.id) throw anotherTopic(topic, record.topicId, metadata.id)
    partitionsAtStart.set(topic, committed?.parsed?.partitionsAtStart ?? metadata.partitions.length)
    if (committed === undefined || committed.offset < 0) {
      if (record === undefined) starting.push(source)
      else positions.push(record)
      continue
    }
    if (record !== undefined && record.position !== committed.offset) {
      if (await haveMoved(context, sources, offsets)) return 'again'
      throw partedCompany(id, key, committed.offset, record.position)
    }
    positions.push({ topic, topicId: metadata.id, partition, position: committed.offset })
  }
  const batch = Math.max(0, progress?.batch ?? 0, ...[...offsets.values()].map(({ parsed }) => parsed?.batch ?? 0))
  for (const started of await start(context, starting, partitionsAtStart)) positions.push(started)
  return { id, positions, partitionsAtStart, batch, stores }
}

const newer = (one: ProgressRecord | null, other: ProgressRecord | null): ProgressRecord | null =>
  (other?.batch ?? -1) > (one?.batch ?? -1) ? other : one

/** True where somebody has committed since: this worker was replaced while it took the task, and does not know it yet. */
async function haveMoved(
  { cluster, wire, group }: TakingContext,
  sources: readonly Source[],
  offsets: ReadonlyMap<string, Committed>,
): Promise<boolean> {
  const now = await fetchStableOffsets(cluster, wire, group, sources)
  return now === 'unstable' || [...offsets].some(([key, { offset }]) => now.get(key)?.offset !== offset)
}

function checkStore(id: TaskId, store: RestoredStore, sources: readonly Source[], offsets: ReadonlyMap<string, Committed>): void {
  const parsed = sources.flatMap(({ topic, partition }) => offsets.get(partitionKey(topic, partition))?.parsed ?? [])
  const known = parsed.map(({ stores }) => stores[store.spec.name]).find((last) => last !== undefined)
  if (known !== undefined) {
    const [topicId, lastOffset] = known
    if (topicId !== store.changelogId) throw anotherTopic(store.changelog, topicId, store.changelogId)
    if (lastOffset >= store.position || store.progress === null) {
      throw changelogLost(store.changelog, `it ends at offset ${store.position}, but offset ${lastOffset} was committed`)
    }
  } else if (store.progress !== null && parsed.some(({ batch }) => batch > 0)) {
    throw earlierLife(id, store)
  }
}

/** P11: a position where there is none yet is resolved and committed before anything is fetched. */
async function start(
  context: TakingContext,
  sources: readonly Source[],
  partitionsAtStart: Map<string, number>,
): Promise<readonly SourcePosition[]> {
  if (sources.length === 0) return []
  const { cluster, wire, group, plan } = context
  const positions: SourcePosition[] = []
  for (const { topic, partition, metadata } of sources) {
    const startAt = startAtOf(plan, topic)
    const known = startAt === 'earliest' ? metadata.partitions.length : await partitionsWhenFirstRead(context, topic, metadata)
    partitionsAtStart.set(topic, known)
    const at = partition < known ? startAt : 'earliest'
    const offsets = await listOffsets(cluster, wire, [{ topic, partition }], at, 'read_committed')
    const found = offsets.get(partitionKey(topic, partition))?.offset ?? -1
    const position = found >= 0 ? found : await latestOffset(context, topic, partition)
    positions.push({ topic, topicId: metadata.id, partition, position })
  }
  const committed = positions.map(({ topic, partition, position }) => ({
    topic,
    partition,
    offset: position,
    metadata: encodeOffsetMetadata({
      batch: 0,
      partitionsAtStart: partitionsAtStart.get(topic) ?? 0,
      watermark: null,
      stores: {},
    }),
  }))
  await commitOffsets(cluster, wire, group, context.membership(), committed)
  return positions
}

/** Where there is no record as new as the timestamp asked for: what comes next will be. */
async function latestOffset({ cluster, wire }: TakingContext, topic: string, partition: number): Promise<number> {
  const offsets = await listOffsets(cluster, wire, [{ topic, partition }], 'latest', 'read_committed')
  return offsets.get(partitionKey(topic, partition))?.offset ?? 0
}

/** As the topology says of its source; a repartition topic is read from its beginning. */
const startAtOf = (plan: Plan, topic: string): StartAt =>
  plan.graph.subtopologies.flatMap(({ sources }) => sources).find((source) => source.topics.some(({ name }) => name === topic))
    ?.startAt ?? 'earliest'

/** As some other partition of the topic has it in its metadata; else the group reads it for the first time now. */
async function partitionsWhenFirstRead(context: TakingContext, topic: string, metadata: TopicMetadata): Promise<number> {
  const partitions = metadata.partitions.map(({ index }) => ({ topic, partition: index }))
  for (;;) {
    context.progress()
    const answer = await fetchStableOffsets(context.cluster, context.wire, context.group, partitions)
    if (answer === 'unstable' && !context.signal.aborted) {
      await context.clock.sleep(10, context.signal)
      continue
    }
    if (answer === 'unstable') throw new StoppedError('taking was given up')
    const known = [...answer.values()].flatMap(({ metadata: text }) => decodeOffsetMetadata(text)?.partitionsAtStart ?? [])
    return known.length === 0 ? metadata.partitions.length : Math.min(...known)
  }
}

const waysOut =
  'to begin anew, delete the group’s offsets and the application’s changelog topics; to go on from the state, delete only the group’s offsets'

const changelogPatienceMs = 5000

/** The truth is shorter than what was committed: looked at again for a while, then the end of the process. */
class ChangelogLostError extends FatalError {}

const changelogLost = (topic: string, what: string) =>
  new ChangelogLostError(`changelog lost: ${topic}: ${what}. State and offsets no longer belong together; ${waysOut}`, {
    fields: { topic },
  })

const anotherTopic = (topic: string, was: string, is: string) =>
  new FatalError(`topic ${topic} was deleted and created again (its id was ${was} and is ${is}): ${waysOut}`, {
    fields: { topic },
  })

const earlierLife = (id: TaskId, { spec, changelog }: RestoredStore) =>
  new FatalError(
    `task ${id}: store ${spec.name} is new to this application, but its changelog ${changelog} holds state of an earlier life: delete that topic, or give the store another name`,
  )

const partedCompany = (id: TaskId, key: string, offset: number, position: number) =>
  new FatalError(
    `task ${id}: the committed offset of ${key} is ${offset}, but its state stands at ${position}: the offset was set by hand; ${waysOut}`,
  )
