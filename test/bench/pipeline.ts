/** What a compiled pipeline costs beside JSON.parse alone: filter → map → byKey → count over columns in memory, both sides in turn. */
import { loadavg } from 'node:os'
import { stream } from '../../service/dsl/source.ts'
import { definitionOf, topology } from '../../service/dsl/topology.ts'
import { json } from '../../service/codec/json.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import type { RecordColumns } from '../../service/kafka/records/record-columns.ts'
import { noMetrics } from '../../service/metrics.ts'
import { KeyKinds } from '../../service/operators/key-kinds.ts'
import { compileTask } from '../../service/operators/compile.ts'
import type { TaskPipeline } from '../../service/operators/pipeline.ts'
import { OutputBuffer } from '../../service/sink/output-buffer.ts'
import { EntryCache } from '../../service/state/entry-cache.ts'
import { MemoryStoreBackend } from '../../service/state/memory-store.ts'
import { StateView } from '../../service/state/state-view.ts'
import { graphOf } from '../../service/topology/graph.ts'
import { planOf, requiredTopics } from '../../service/topology/plan.ts'

const batchRecords = 50_000
const batches = 4
const rounds = Number(process.env.ROUNDS ?? 8)
const keys = Number(process.env.KEYS ?? 1000)
const only = process.env.ONLY

interface Event {
  readonly user: string
  readonly page: string
  readonly ad: string
  readonly kind: string
  readonly type: string
  readonly time: number
  readonly address: string
}

/** Encoded as fetched: one answer with `batchRecords` records of 240 bytes. */
function encoded(batch: number): Buffer {
  const builder = new RecordBatchBuilder(batchRecords * 300)
  for (let i = 0; i < batchRecords; i++) {
    const n = batch * batchRecords + i
    const key = `user-${(n * 7919) % keys}`
    const event: Event = {
      user: key,
      page: `page-${n % 100}`.padEnd(36, 'x'),
      ad: `ad-${(n * 31) % 1000}`.padEnd(36, 'y'),
      kind: 'banner',
      type: ['view', 'click', 'purchase'][n % 3] ?? 'view',
      time: 1_732_152_000_000 + n,
      address: '1.2.3.4',
    }
    const text = JSON.stringify(event)
    builder.append(key, text.replace('"1.2.3.4"', `"1.2.3.4${'z'.repeat(Math.max(0, 240 - text.length))}"`), event.time)
  }
  return builder.finish({ producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false, compression: 'none' })
}

const events = stream('events', { value: json<Event>() })
const counts = topology(
  'bench',
  events
    .filter((event) => event.type !== 'purchase')
    .map((event) => ({ ad: event.ad, time: event.time }))
    .byKey()
    .count('counts')
    .emit('update')
    .to('out', { value: json() }),
)
const passThrough = topology('pass-through', events.to('out', { value: json() }))

async function compiled(
  of: typeof counts,
): Promise<{ readonly pipeline: TaskPipeline; readonly views: StateView[]; readonly outputs: OutputBuffer }> {
  const graph = graphOf(definitionOf(of))
  const plan = planOf(graph, 'bench', new Map(requiredTopics(graph).map((topic) => [topic, 4])))
  const outputs = new OutputBuffer({ partitionsOf: () => 4, messageBytesMax: () => 1_000_000, compression: 'none' })
  const cache = new EntryCache(1e9)
  const backend = new MemoryStoreBackend()
  const views = new Map<string, StateView>()
  const [subtopology] = graph.subtopologies
  if (subtopology === undefined) throw new Error('no sub-topology')
  for (const spec of subtopology.stores) {
    const view = new StateView({ spec, cache, strict: false })
    const handle = await backend.acquire({ application: 'bench', store: spec.name, partition: 0 })
    await handle.rebuild(0)
    view.attach(handle, 0)
    views.set(spec.name, view)
  }
  const pipeline = compileTask(subtopology, {
    partition: 0,
    plan,
    views,
    tables: new Map(),
    outputs,
    metrics: noMetrics,
    print: () => {},
    keyKinds: new KeyKinds(graph.ids, {}),
    time: null,
  })
  return { pipeline, views: [...views.values()], outputs }
}

let sink = 0
function parseAlone(columns: RecordColumns): void {
  const decode = json<Event>() as unknown as { decodeRange(buffer: Buffer, start: number, end: number): Event }
  for (let i = 0; i < columns.count; i++) {
    const event = decode.decodeRange(columns.valueBuffer(i), columns.valueStart(i), columns.valueEnd(i))
    if (event.type === 'view') sink++
  }
}

function runner({ pipeline, views, outputs }: Awaited<ReturnType<typeof compiled>>) {
  return async (columns: RecordColumns) => {
    pipeline.begin({ time: 0, number: 1 })
    pipeline.accept({ topic: 'events', partition: 0, columns, from: 0, to: columns.count, nextOffset: columns.count })
    for (const stage of pipeline.stages) {
      await stage.load()
      stage.run()
    }
    pipeline.end()
    for (const view of views) view.applied(view.takeChanges())
    outputs.recycle()
  }
}

const sides: Record<string, (columns: RecordColumns) => void | Promise<void>> = {
  decode: () => {},
  parse: parseAlone,
  count: runner(await compiled(counts)),
  'pass-through': runner(await compiled(passThrough)),
}
const bytes = Array.from({ length: batches }, (_, batch) => encoded(batch))
const chosen = Object.entries(sides).filter(([name]) => only === undefined || only.split(',').includes(name))
/** Per side, microseconds of CPU a record in each round; batches alternate between the sides, so that noise meets all alike. */
const costs = new Map<string, number[]>(chosen.map(([name]) => [name, []]))
for (let round = 0; round < rounds; round++) {
  const spent = new Map<string, number>()
  for (const buffer of bytes) {
    for (const [name, run] of chosen) {
      const before = process.cpuUsage()
      await run(decodeRecords(buffer, 0, buffer.length, 0, null).columns)
      const { user, system } = process.cpuUsage(before)
      spent.set(name, (spent.get(name) ?? 0) + user + system)
    }
  }
  for (const [name, cost] of spent) costs.get(name)?.push(cost / (batches * batchRecords))
}
const warmUp = 2
const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const parse = costs.get('parse')?.slice(warmUp) ?? []
for (const [name, all] of costs) {
  const values = all.slice(warmUp)
  const ratios = sorted(values.map((cost, round) => cost / (parse[round] ?? Number.NaN)))
  const middle = sorted(values)[values.length >> 1]?.toFixed(3)
  const quartiles = [ratios.length >> 2, ratios.length >> 1, (ratios.length * 3) >> 2].map((at) => ratios[at]?.toFixed(2))
  console.log(
    `${name.padEnd(14)} ${middle} CPU s per million; × parse: ${quartiles[1]} (quartiles ${quartiles[0]}–${quartiles[2]})`,
  )
}
console.log(`load average ${loadavg()[0]?.toFixed(2)}, ${keys} keys, ${sink > 0 ? 'ok' : ''}`)
