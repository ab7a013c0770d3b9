/** Random histories that are right: the `running` topology, worked off in random batches, some of which are aborted and taken again. */
import * as fc from 'fast-check'
import type {
  CommittedOffset,
  HeldStore,
  History,
  LogRecord,
  PartitionEnds,
  SentRecord,
} from '../../../support/checker/history.ts'
import { addTo, nothing, type Running } from '../../../support/topologies/running-fold.ts'

export const topics = {
  input: 'app-input',
  copy: 'app-copy',
  running: 'app-running',
  changelog: 'app-running-changelog',
} as const

const partitions = 2
const keysPerPartition = 3
const progressKey = '\x00'

interface Batch {
  readonly partition: number
  readonly records: number
  readonly isAborted: boolean
}

interface Plan {
  /** By partition the keys of its records. */
  readonly keys: readonly (readonly number[])[]
  readonly batches: readonly Batch[]
}

const plan: fc.Arbitrary<Plan> = fc.record({
  keys: fc.tuple(
    ...Array.from({ length: partitions }, () => fc.array(fc.nat({ max: keysPerPartition - 1 }), { minLength: 6, maxLength: 30 })),
  ),
  batches: fc.array(
    fc.record({
      partition: fc.nat({ max: partitions - 1 }),
      records: fc.integer({ min: 1, max: 6 }),
      isAborted: fc.boolean(),
    }),
    { minLength: 8, maxLength: 16 },
  ),
})

/** Logs as brokers keep them: control records take an offset that nobody reads. */
class Logs {
  readonly committed: LogRecord[] = []
  readonly raw: LogRecord[] = []
  readonly ends = new Map<string, PartitionEnds>()

  append(
    place: Pick<LogRecord, 'topic' | 'partition'>,
    rows: readonly (readonly [string, string])[],
    isCommitted: boolean,
  ): number {
    let { end } = this.#end(place)
    for (const [key, value] of rows) {
      const record = { ...place, offset: end++, timestamp: 1000, key, value }
      this.raw.push(record)
      if (isCommitted) this.committed.push(record)
    }
    const last = end - 1
    const isTransaction = place.topic !== topics.input
    if (isTransaction) end += 1
    this.ends.set(`${place.topic}-${place.partition}`, { ...place, first: 0, stable: end, end })
    return last
  }

  #end(place: Pick<LogRecord, 'topic' | 'partition'>): PartitionEnds {
    return this.ends.get(`${place.topic}-${place.partition}`) ?? { ...place, first: 0, stable: 0, end: 0 }
  }
}

/** One worker at its work, and what it leaves. */
function historyOf({ keys, batches }: Plan): History {
  const logs = new Logs()
  const sent: SentRecord[] = []
  for (const [partition, ofPartition] of keys.entries()) {
    const counts = new Map<number, number>()
    for (const [offset, index] of ofPartition.entries()) {
      counts.set(index, (counts.get(index) ?? 0) + 1)
      sent.push({ partition, offset, key: `key-${partition}-${index}`, value: `${counts.get(index)}` })
    }
    const rows = sent.filter((record) => record.partition === partition).map(({ key, value }) => [key, value] as const)
    logs.append({ topic: topics.input, partition }, rows, true)
  }
  const offsets: CommittedOffset[] = []
  const states = new Map<string, Running>()
  const tasks = keys.map(() => ({ position: 0, batch: 0 }))
  // Each task at last once, so that a store has something.
  const last = keys.map((_, partition) => ({ partition, records: 3, isAborted: false }))
  for (const { partition, records, isAborted } of [...batches, ...last]) {
    const task = tasks[partition] ?? { position: 0, batch: 0 }
    const input = sent.filter((record) => record.partition === partition).slice(task.position, task.position + records)
    if (input.length === 0) continue
    const changed = new Map<string, Running>()
    for (const { key, value } of input) changed.set(key, addTo(changed.get(key) ?? states.get(key) ?? nothing, Number(value)))
    const rows = [...changed].map(([key, state]) => [key, JSON.stringify(state)] as const)
    const position = task.position + input.length
    const positions = [{ topic: topics.input, topicId: 'i', partition, position }]
    const progress = JSON.stringify({ format: 1, batch: task.batch + 1, positions })
    logs.append(
      { topic: topics.copy, partition },
      input.map(({ key, value }) => [key, value] as const),
      !isAborted,
    )
    logs.append({ topic: topics.running, partition }, rows, !isAborted)
    const changes = [...rows.map(([key, value]) => [`\x01${key}`, value] as const), [progressKey, progress] as const]
    const lastOffset = logs.append({ topic: topics.changelog, partition }, changes, !isAborted)
    if (isAborted) continue
    for (const [key, state] of changed) states.set(key, state)
    tasks[partition] = { position, batch: task.batch + 1 }
    const metadata = JSON.stringify([1, task.batch + 1, partitions, [null], { running: ['c', lastOffset] }])
    offsets.push({ atMs: 1000 + offsets.length, topic: topics.input, partition, offset: position, metadata })
  }
  const outputs: readonly string[] = [topics.copy, topics.running]
  const seen = logs.committed
    .filter(({ topic }) => outputs.includes(topic))
    .map((record, index) => ({ ...record, atMs: 1000 + index }))
  return {
    input: topics.input,
    sent,
    seen,
    final: { committed: logs.committed, raw: logs.raw, ends: [...logs.ends.values()] },
    offsets,
    changelogs: new Map([['running', topics.changelog]]),
    redis: heldOf(logs.committed),
    isCompacted: false,
  }
}

function heldOf(committed: readonly LogRecord[]): readonly HeldStore[] {
  const changes = committed.filter(({ topic, key }) => topic === topics.changelog && key !== progressKey)
  return [...Map.groupBy(changes, ({ partition }) => partition)].map(([partition, entries]) => ({
    store: 'running',
    partition,
    entries: new Map(entries.map(({ key, value }) => [key ?? '', value ?? ''])),
  }))
}

export const histories: fc.Arbitrary<History> = plan.map(historyOf)
