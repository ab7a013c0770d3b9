/** Whether the offsets, the progress records and the topics of a task say the same (P10): what it goes on from, or why it must not. */
import type { OffsetMetadata } from '../commit/offset-metadata.ts'
import type { ProgressRecord, SourcePosition } from '../commit/progress-record.ts'
import { FatalError } from '../errors.ts'
import { partitionKey } from '../kafka/offsets.ts'
import type { TaskId } from '../task-id.ts'
import { storeFingerprint } from '../topology/fingerprint.ts'
import type { RestoredStore } from './restoring.ts'
import { haveMoved, type Source, type StableOffsets } from './stable-offsets.ts'
import type { TakingContext } from './taking-context.ts'

export interface ToAgree {
  readonly id: TaskId
  readonly sources: readonly Source[]
  readonly offsets: StableOffsets
  readonly stores: readonly RestoredStore[]
}

export interface Agreement {
  /** Where each source partition goes on that was read before. */
  readonly positions: readonly SourcePosition[]
  /** Those that were not. */
  readonly unread: readonly Source[]
  /** Per source topic, how many partitions it had when the group first read it. */
  readonly partitionsAtStart: ReadonlyMap<string, number>
  readonly batch: number
  /** Of the last commit; null where there was none, or the task has no stores. */
  readonly progress: ProgressRecord | null
  /** Of each source partition by its key, as they were committed with its offset; see OffsetMetadata. */
  readonly watermarks: ReadonlyMap<string, OffsetMetadata['watermarks']>
}

/** `again` where somebody has committed meanwhile. @throws ChangelogLostError, FatalError, with the ways out */
export async function agree(context: TakingContext, task: ToAgree): Promise<Agreement | 'again'> {
  const { id, sources, offsets, stores } = task
  for (const store of stores) {
    checkChangelog(task, store)
    checkTopology(store)
  }
  const stranger = stores.find((store) => isOfEarlierLife(task, store))
  if (stranger !== undefined) {
    // Stores are restored one after another: whoever was replaced meanwhile sees the commits of others in some of them only.
    if (await haveMoved(context, sources, offsets)) return 'again'
    throw earlierLife(id, stranger)
  }
  const progress = newestProgress(stores)
  const recorded = new Map(progress?.positions.map((position) => [partitionKey(position.topic, position.partition), position]))
  const positions: SourcePosition[] = []
  const unread: Source[] = []
  const partitionsAtStart = new Map<string, number>()
  for (const source of sources) {
    const { topic, partition, metadata } = source
    const key = partitionKey(topic, partition)
    const committed = offsets.get(key)
    const record = recorded.get(key)
    if (record !== undefined && record.topicId !== metadata.id) throw anotherTopic(topic, record.topicId, metadata.id)
    partitionsAtStart.set(topic, committed?.parsed?.partitionsAtStart ?? metadata.partitions.length)
    if (committed === undefined || committed.offset < 0) {
      if (record === undefined) unread.push(source)
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
  const watermarks = new Map([...offsets].map(([key, { parsed }]) => [key, parsed?.watermarks ?? []]))
  return { positions, unread, partitionsAtStart, batch, progress, watermarks }
}

/** The offset of the last record of a store's changelog, where the metadata of an offset names it. */
export function lastOffsetOf({ sources, offsets }: Pick<ToAgree, 'sources' | 'offsets'>, store: string): number | undefined {
  return lastRecordOf({ sources, offsets }, store)?.[1]
}

const lastRecordOf = (task: Pick<ToAgree, 'sources' | 'offsets'>, store: string) =>
  metadataOf(task)
    .map(({ stores }) => stores[store])
    .find((last) => last !== undefined)

const metadataOf = ({ sources, offsets }: Pick<ToAgree, 'sources' | 'offsets'>) =>
  sources.flatMap(({ topic, partition }) => offsets.get(partitionKey(topic, partition))?.parsed ?? [])

/** Each transaction writes to all stores, so that one that stands elsewhere was not there all the time, or has lost its end. */
function isOfEarlierLife(task: ToAgree, { spec, progress }: RestoredStore): boolean {
  if (progress === null) return false
  if (progress.batch !== newestProgress(task.stores)?.batch) return true
  return lastRecordOf(task, spec.name) === undefined && metadataOf(task).some(({ batch }) => batch > 0)
}

function checkChangelog(task: ToAgree, store: RestoredStore): void {
  const known = lastRecordOf(task, store.spec.name)
  if (known === undefined) return
  const [topicId, lastOffset] = known
  if (topicId !== store.changelogId) throw anotherTopic(store.changelog, topicId, store.changelogId)
  if (lastOffset >= store.position || store.progress === null) {
    throw changelogLost(store.changelog, `it ends at offset ${store.position}, but offset ${lastOffset} was committed`)
  }
}

/** Another topology under the same application id, or this one as it was: its bytes would be read as what they are not. */
function checkTopology({ spec, changelog, progress }: RestoredStore): void {
  const written = progress?.store
  if (written === undefined || written === storeFingerprint(spec)) return
  throw new FatalError(
    `store ${spec.name} is kept otherwise (shape, codec ${spec.codec.name} or windows) than when ${changelog} was written: is it another topology, ` +
      `or a changed one? Choose another application id, give the store another name, or begin anew: ${waysOut}`,
    { fields: { store: spec.name, topic: changelog, written } },
  )
}

const newestProgress = (stores: readonly RestoredStore[]): ProgressRecord | null =>
  stores.map(({ progress }) => progress).reduce((one, other) => ((other?.batch ?? -1) > (one?.batch ?? -1) ? other : one), null)

const waysOut =
  'to begin anew, delete the group’s offsets and the application’s changelog topics; to go on from the state, delete only the group’s offsets'

/** The truth is shorter than what was committed: looked at again for a while, then the end of the process. */
export class ChangelogLostError extends FatalError {}

export const changelogLost = (topic: string, what: string) =>
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
