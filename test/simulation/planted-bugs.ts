/** Rules taken out, one defect each: the simulation has to notice every one of them. Planted at ports, or in a method of a class. */
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import { decodeProgress, encodeProgress } from '../../service/commit/progress-record.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { TransactionalProducer } from '../../service/kafka/transactional-producer.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { NodeId, RequestOptions, Wire } from '../../service/kafka/wire/wire.ts'
import { MembershipView } from '../../service/runtime/membership-view.ts'
import { TaskSet } from '../../service/runtime/task-set.ts'
import { Task } from '../../service/runtime/task.ts'
import { Timekeeper } from '../../service/runtime/timekeeper.ts'
import type { CachedEntry } from '../../service/state/entry-cache.ts'
import type { ScriptedStore } from '../../service/state/scripted-store.ts'
import { StateView } from '../../service/state/state-view.ts'
import type { Marker } from '../../service/state/store-backend.ts'
import { scriptCode, type StoreScripts } from '../../service/state/store-scripts.ts'
import { TaskTime } from '../../service/time/task-time.ts'
import type { Plant } from './plant.ts'
import type { Fault, Scenario } from './scenario.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

/** A request as a planted wire sees it; `send` passes one on. */
interface Passing {
  readonly node: NodeId
  readonly api: Api
  readonly body: unknown
  readonly purpose: string
  readonly send: <A extends Api>(api: A, body: RequestOf<A>, node?: NodeId) => Promise<AnswerOf<A>>
}

/** Undefined: the request goes on as it is. */
type Intercept = (request: Passing) => Promise<unknown> | undefined

function intercepted(inner: Wire, intercept: Intercept): Wire {
  return {
    request<A extends Api>(
      node: NodeId,
      purpose: string,
      api: A,
      body: RequestOf<A>,
      options?: RequestOptions,
    ): Promise<AnswerOf<A>> {
      const send: Passing['send'] = (other, changed, to = node) => inner.request(to, purpose, other, changed, options)
      const answer = intercept({ node, purpose, api, body, send })
      return answer === undefined ? inner.request(node, purpose, api, body, options) : (answer as Promise<AnswerOf<A>>)
    },
    close: () => inner.close(),
  }
}

/** Changes the body of every request of one kind. */
const changing =
  <A extends Api>(api: A, change: (body: RequestOf<A>) => RequestOf<A>) =>
  (inner: Wire): Wire =>
    intercepted(inner, (request) => (request.api === api ? request.send(api, change(request.body as RequestOf<A>)) : undefined))

/** Changes what is answered to every request of one kind. */
const answering =
  <A extends Api>(api: A, change: (answer: AnswerOf<A>) => AnswerOf<A>) =>
  (inner: Wire): Wire =>
    intercepted(inner, (request) =>
      request.api === api ? request.send(api, request.body as RequestOf<A>).then(change) : undefined,
    )

/** Puts another property in the place of one, for the time of a run. */
const replaced = (target: object, name: string, by: PropertyDescriptor) => (): (() => void) => {
  const original = Object.getOwnPropertyDescriptor(target, name)
  if (original === undefined) throw new RangeError(`there is no ${name}`)
  Object.defineProperty(target, name, { configurable: true, ...by })
  return () => void Object.defineProperty(target, name, original)
}

const patched = <T extends object, M extends keyof T & string>(target: T, method: M, replacement: T[M]) =>
  replaced(target, method, { writable: true, value: replacement })

/** Puts another method in the place of one that it still may call. */
const wrapped = <T extends object, M extends keyof T & string>(target: T, method: M, wrap: (original: T[M]) => T[M]) =>
  patched(target, method, wrap(target[method]))

/** The scenario of the seed with these faults besides its own, and whatever else is given. */
const withFaults =
  (faults: readonly Fault[], more: Partial<Scenario> = {}) =>
  (scenario: Scenario): Scenario => ({ ...scenario, ...more, faults: new Set([...scenario.faults, ...faults]) })

/** The same with these faults and no others, so that those of the seed do not end what is being waited for. */
const withOnlyFaults =
  (faults: readonly Fault[], more: Partial<Scenario> = {}) =>
  (scenario: Scenario): Scenario => ({ ...scenario, ...more, hitsRareOnes: false, faults: new Set(faults) })

/** Outputs go out when the transaction has been committed, and not in it. */
function committingFirst(inner: Wire, { kafka }: SimulatedCluster): Wire {
  let held: RequestOf<'Produce'>[] = []
  let node: NodeId = -1
  const answerOf = ({ topicData }: RequestOf<'Produce'>): AnswerOf<'Produce'> => ({
    throttleTimeMs: 0,
    nodeEndpoints: [],
    responses: topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode: errorCode.NONE,
        baseOffset: kafka.endOffset(name, index),
        logAppendTimeMs: -1,
        logStartOffset: 0,
        recordErrors: [],
        errorMessage: null,
        currentLeader: { leaderId: -1, leaderEpoch: -1 },
      })),
    })),
  })
  return intercepted(inner, (request) => {
    if (request.api === 'InitProducerId') held = []
    if (request.api === 'Produce') {
      const body = request.body as RequestOf<'Produce'>
      held.push({ ...body, transactionalId: null, topicData: withoutTransaction(body.topicData) })
      node = request.node
      return Promise.resolve(answerOf(body))
    }
    if (request.api !== 'EndTxn') return undefined
    return request.send('EndTxn', request.body as RequestOf<'EndTxn'>).then(async (answer) => {
      for (const body of held.splice(0)) await request.send('Produce', body, node)
      return answer
    })
  })
}

/** The same records as nobody's in particular. */
function withoutTransaction(topicData: RequestOf<'Produce'>['topicData']): RequestOf<'Produce'>['topicData'] {
  const rewrite = (records: Buffer): Buffer => {
    const { columns } = decodeRecords(records, 0, records.length, 0, null)
    const builder = new RecordBatchBuilder()
    for (let i = 0; i < columns.count; i++)
      builder.append(columns.key(i), columns.value(i), columns.timestamps[i] ?? 0, columns.headers(i))
    return builder.finish({ producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false, compression: 'none' })
  }
  return topicData.map(({ name, partitionData }) => ({
    name,
    partitionData: partitionData.map(({ index, records }) => ({ index, records: records === null ? null : rewrite(records) })),
  }))
}

/** Whatever the membership is when the commit goes out, the batch commits under it; a join that is under way is waited for. */
function liveGeneration(inner: Wire): Wire {
  let live: Promise<{ readonly generationId: number; readonly memberId: string }> | null = null
  return intercepted(inner, (request) => {
    if (request.api === 'JoinGroup') {
      const before = live
      const answer = request.send('JoinGroup', request.body as RequestOf<'JoinGroup'>)
      live = answer.then(
        (joined) => (joined.errorCode === errorCode.NONE || before === null ? joined : before),
        (error: unknown) => before ?? Promise.reject(error as Error),
      )
      live.catch(() => {})
      return answer
    }
    if (request.api !== 'TxnOffsetCommit') return undefined
    const body = request.body as RequestOf<'TxnOffsetCommit'>
    return Promise.resolve(live).then((found) =>
      request.send('TxnOffsetCommit', {
        ...body,
        generationId: found?.generationId ?? -1,
        memberId: found?.memberId ?? '',
      }),
    )
  })
}

/** Says yes to the positions, and keeps them. */
const withoutPositions = (inner: Wire): Wire =>
  intercepted(inner, ({ api, body }) => {
    if (api !== 'TxnOffsetCommit') return undefined
    const topics = (body as RequestOf<'TxnOffsetCommit'>).topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode.NONE })),
    }))
    return Promise.resolve({ throttleTimeMs: 0, topics })
  })

/** What stands beside the offsets is forgotten: with it, a restore that ends too early is noticed, and repeated until the markers are there. */
const withoutStores = answering('OffsetFetch', (answer) => ({
  ...answer,
  topics: answer.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => ({ ...partition, metadata: '' })),
  })),
}))

/** Readers are told of one aborted transaction only. */
const oneAborted = answering('Fetch', (answer) => ({
  ...answer,
  responses: answer.responses.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((partition) => ({
      ...partition,
      abortedTransactions: partition.abortedTransactions?.slice(0, 1) ?? null,
    })),
  })),
}))

/** The producer goes on with the epoch that it has. */
const keepingEpoch = (inner: Wire): Wire =>
  intercepted(inner, ({ api, body }) => {
    const { producerId = -1, producerEpoch = -1 } = body as RequestOf<'InitProducerId'>
    if (api !== 'InitProducerId' || producerId < 0) return undefined
    return Promise.resolve({ throttleTimeMs: 0, errorCode: errorCode.NONE, producerId, producerEpoch })
  })

/** What is open is ended by EndTxn, whose markers carry the present epoch; the next one begins behind that. */
const abortingInEpoch = (inner: Wire): Wire =>
  intercepted(inner, (request) => {
    const { transactionalId, producerId = -1, producerEpoch = -1 } = request.body as RequestOf<'InitProducerId'>
    if (request.api !== 'InitProducerId' || producerId < 0 || transactionalId === null) return undefined
    const aborting = request.send('EndTxn', { transactionalId, producerId, producerEpoch, committed: false })
    return aborting.then(() => request.send('InitProducerId', request.body as RequestOf<'InitProducerId'>))
  })

/** The next transaction begins beside the end of the last one. */
const withoutAwaiting = (commit: TransactionalProducer['commit']) =>
  function (this: TransactionalProducer): Promise<void> {
    commit.call(this).catch(() => {})
    return Promise.resolve()
  }

/** The second transactional id is initialised when its first transaction begins, and not at the start. */
function initialisingLate(): () => void {
  const { prototype } = TransactionalProducer
  const isLate = ({ state, transactionalId }: TransactionalProducer) => state === 'new' && transactionalId.endsWith('.b')
  let initialise = (_: TransactionalProducer) => Promise.resolve()
  const skipping = (original: () => Promise<void>) => {
    initialise = (producer) => original.call(producer)
    return function (this: TransactionalProducer): Promise<void> {
      return isLate(this) ? Promise.resolve() : original.call(this)
    }
  }
  const first = <Given extends unknown[], T>(original: (...given: Given) => Promise<T>) =>
    async function (this: TransactionalProducer, ...given: Given): Promise<T> {
      if (isLate(this)) await initialise(this)
      return original.apply(this, given)
    }
  const undo = [
    wrapped(prototype, 'renew', skipping)(),
    wrapped(prototype, 'initialise', skipping)(),
    wrapped(prototype, 'produce', first)(),
    wrapped(prototype, 'commitOffsets', first)(),
  ]
  return () => undo.forEach((each) => each())
}

/** What a transaction has read of repartition topics is deleted before it is known whether it was committed. */
const deletingEarly = (inner: Wire): Wire =>
  intercepted(inner, (request) => {
    if (request.api !== 'TxnOffsetCommit') return undefined
    const body = request.body as RequestOf<'TxnOffsetCommit'>
    const topics = body.topics
      .filter(({ name }) => name.endsWith('-repartition'))
      .map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, committedOffset: offset }) => ({ partitionIndex, offset })),
      }))
    return request.send('TxnOffsetCommit', body).then(async (answer) => {
      for (const node of topics.length > 0 ? [1, 2] : [])
        await request.send('DeleteRecords', { topics, timeoutMs: 1000 }, node).catch(() => {})
      return answer
    })
  })

/** Whatever the marker is, the store's entries are taken for what they were. */
function loadingBlindly(inner: ScriptedStore): StoreScripts {
  return {
    acquire: (id, request) => inner.acquire(id, request),
    counts: (id, request) => inner.counts(id, request),
    scan: (id, request) => inner.scan(id, request),
    apply: (id, request) => inner.apply(id, request),
    confirm: (id, request) => inner.confirm(id, request),
    rebuild: (id, request) => inner.rebuild(id, request),
    close: () => inner.close(),
    async load(id, request) {
      const answer = await inner.load(id, request)
      if (answer.code !== scriptCode.LOST) return answer
      const entries = inner.entries(id)
      return { code: scriptCode.OK, value: request.keys.map(({ key }) => entries.get(key.toString('latin1')) ?? null) }
    },
  }
}

/** The chunks of a segment stand under the marker that was there before them; only the last one moves it. */
function markingLast(inner: ScriptedStore): StoreScripts {
  const whole = ({ position }: Marker): Marker => ({ position, chunk: 0 })
  return {
    acquire: (id, request) => inner.acquire(id, request),
    load: (id, request) => inner.load(id, { ...request, at: whole(request.at), orAt: whole(request.orAt) }),
    counts: (id, request) => inner.counts(id, { ...request, at: whole(request.at) }),
    scan: (id, request) => inner.scan(id, { ...request, at: whole(request.at), orAt: whole(request.orAt) }),
    confirm: (id, request) => inner.confirm(id, request),
    rebuild: (id, request) => inner.rebuild(id, request),
    close: () => inner.close(),
    async apply(id, request) {
      const { to } = request
      const before = whole(request.from)
      const answer = await inner.apply(id, { ...request, from: before })
      if (to.chunk === 0 || answer.code !== scriptCode.OK) return answer
      return inner.apply(id, { ...request, from: to, to: before, writes: [] })
    },
  }
}

/** Changed entries may be evicted before the store has them. */
const unpinned = (takeChanges: StateView['takeChanges']) =>
  function (this: StateView): ReturnType<StateView['takeChanges']> {
    const changed = [...this.changed()]
    const writes = takeChanges.call(this)
    for (const entry of changed) (entry as CachedEntry).pins = 0
    return writes
  }

const twoProcesses = { processes: ['static', 'static'] } as const

/** A batch waits between cut and commit until its worker was thrown out, replaced, and let in again. */
const thrownOutWithinABatch = withOnlyFaults(['cut-off', 'slow-connection'], {
  ...twoProcesses,
  store: 'memory',
  cacheBytesMax: 1,
  brokers: 1,
  callFaultRate: 0.02,
  eventRate: 0.04,
})

/** Windows that are checked against a reference, over several tasks whose partitions are not equally far. */
const windowed = (faults: readonly Fault[], more: Partial<Scenario> = {}) =>
  withFaults(faults, {
    topology: 'sessions-and-hops',
    partitions: 3,
    keys: ['aa', 'ab', 'ba', 'bb', 'ca', 'cb'],
    batchRecordsMax: 3,
    ...more,
  })

/** Every upstream task is taken to be as far as the one that is furthest. */
function takingTheGreatest(): () => void {
  const upstreams = new WeakMap<TaskTime, Set<string>>()
  const known = (time: TaskTime, id: string): ReadonlySet<string> => {
    const ids = upstreams.get(time) ?? new Set()
    upstreams.set(time, ids.add(id))
    return ids
  }
  const undo = [
    wrapped(
      TaskTime.prototype,
      'upstream',
      (original) =>
        function (this: TaskTime, id, committed) {
          known(this, id)
          original.call(this, id, committed)
        },
    )(),
    wrapped(
      TaskTime.prototype,
      'heard',
      (original) =>
        function (this: TaskTime, id, report) {
          for (const each of known(this, id)) if (report !== 'idle' || each === id) original.call(this, each, report)
        },
    )(),
  ]
  return () => undo.forEach((each) => each())
}

const silentForMs = 500

/** A partition is idle when none of its records has come for a while: whether it lags, waits or is cut off is not asked. */
function idleBySilence(): () => void {
  const heard = new WeakMap<Timekeeper, Map<string, { readonly topic: string; readonly partition: number; at: number }>>()
  const now = new WeakMap<Timekeeper, number>()
  const undo = [
    wrapped(
      Timekeeper.prototype,
      'activate',
      (original) =>
        function (this: Timekeeper, slices) {
          const partitions = heard.get(this) ?? new Map()
          heard.set(this, partitions)
          const sources = slices.filter(({ topic }) => topic === 'in')
          for (const { topic, partition } of sources)
            partitions.set(`${topic}-${partition}`, { topic, partition, at: now.get(this) ?? 0 })
          original.call(this, slices)
        },
    )(),
    wrapped(
      Timekeeper.prototype,
      'observe',
      (original) =>
        function (this: Timekeeper, at) {
          now.set(this, at)
          for (const partition of heard.get(this)?.values() ?? []) {
            if (at - partition.at < silentForMs) continue
            this.sourceOf(partition.topic, partition.partition).becomeIdle()
            this.behind(0).sourceOf(partition.topic, partition.partition).becomeIdle()
          }
          original.call(this, at)
        },
    )(),
  ]
  return () => undo.forEach((each) => each())
}

/** A planted bug has to show within so many schedules. */
export const schedulesMax = 100

/** By the rule that was taken out. */
export const plantedBugs: Readonly<Record<string, Plant>> = {
  'commit before produce': { wire: committingFirst, scenario: withFaults(['crash', 'kill']) },
  'generation taken live at commit': {
    wire: liveGeneration,
    patch: patched(MembershipView.prototype, 'check', () => {}),
    scenario: thrownOutWithinABatch,
  },
  'commit without generation and member': {
    wire: changing('TxnOffsetCommit', (body) => ({ ...body, generationId: -1, memberId: '', groupInstanceId: null })),
    patch: patched(MembershipView.prototype, 'check', () => {}),
    scenario: thrownOutWithinABatch,
  },
  'EndTxn without TxnOffsetCommit': { wire: withoutPositions },
  'resume without retaking': {
    patch: patched(TaskSet.prototype, 'dropAll', () => {}),
    scenario: withFaults(['lost-answer', 'lost-request'], { callFaultRate: 0.06 }),
  },
  'a revoked task goes on': {
    patch: patched(TaskSet.prototype, 'giveUp', () => {}),
    scenario: withFaults(['kill', 'stop-gracefully']),
  },
  'cache dropped without its pins': {
    patch: wrapped(StateView.prototype, 'takeChanges', unpinned),
    scenario: withFaults([], { cacheBytesMax: 1, applyQueueBytesMax: 1 << 20 }),
  },
  'marker moved only by the last chunk': {
    scripts: markingLast,
    // Between two chunks of a segment the store has to be set back to what it was before the first.
    scenario: withOnlyFaults(['set-store-back', 'slow-connection'], {
      topology: 'large-rows',
      store: 'scripted',
      partitions: 1,
      batchRecordsMax: 1000,
      processes: ['static'],
      workers: 1,
      trigger: 'continuous',
      keys: ['aa', 'ab', 'ba', 'bb', 'ca', 'cb'],
      recordsPerKey: 60,
      focus: 'apply',
      callFaultRate: 0.1,
      eventRate: 0.1,
    }),
  },
  'marker not checked on load': {
    scripts: loadingBlindly,
    scenario: withFaults(['lose-store', 'set-store-back', 'lose-store-entry'], {
      cacheBytesMax: 1,
      store: 'scripted',
      eventRate: 0.04,
    }),
  },
  'require_stable off': {
    wire: changing('OffsetFetch', (body) => ({ ...body, requireStable: false })),
    scenario: withFaults(['crash', 'kill'], { markerDelayMs: 400 }),
  },
  'restore to the last stable offset only': {
    wire: (inner) => withoutStores(changing('ListOffsets', (body) => ({ ...body, isolationLevel: 1 }))(inner)),
    // Whoever comes back under the same transactional id waits for the markers: others must take over at once.
    scenario: withOnlyFaults(['stop-gracefully'], {
      processes: ['dynamic', 'dynamic'],
      markerDelayMs: 1500,
      batchRecordsMax: 1000,
      eventRate: 0.04,
    }),
  },
  'metadata trusted over the progress record': {
    // What the record says of the input is forgotten, so that the offsets and what stands beside them are all there is.
    patch: wrapped(
      Task.prototype,
      'progressRecord',
      (original) =>
        function (this: Task, ...given): Buffer {
          return encodeProgress({ ...decodeProgress(original.apply(this, given)), positions: [] })
        },
    ),
    scenario: withOnlyFaults(['lose-offsets'], { topology: 'union-and-chain' }),
  },
  'aborted transactions read': { wire: changing('Fetch', (body) => ({ ...body, isolationLevel: 0 })) },
  'aborted filter by head of list': {
    wire: oneAborted,
    scenario: withFaults(['lost-answer', 'lost-request', 'crash'], { callFaultRate: 0.06, topology: 'repartition-and-count' }),
  },
  'epoch not renewed after an error': { wire: keepingEpoch, scenario: withFaults(['lost-answer', 'lost-request']) },
  'protocol 1: epoch not renewed after an error': {
    wire: keepingEpoch,
    scenario: withFaults(['lost-answer', 'lost-request'], { transactionProtocol: 1 }),
  },
  'protocol 1: aborted before the epoch is renewed': {
    wire: abortingInEpoch,
    // Brokers that verify are a second line of defence.
    scenario: withOnlyFaults(['late-effect'], { transactionProtocol: 1, verifiesPartitions: false, callFaultRate: 0.06 }),
  },
  'InitProducerId(-1) after a lost answer': {
    wire: changing('InitProducerId', (body) => ({ ...body, producerId: -1, producerEpoch: -1 })),
    scenario: withFaults(['lost-answer', 'twin'], { ...twoProcesses, callFaultRate: 0.06 }),
  },
  'fencing by remembered name': {
    patch: replaced(MembershipView.prototype, 'liveIds', { get: () => [] }),
    // One dies within its commit, and another stands still in its own when the third takes over.
    scenario: withOnlyFaults(['kill', 'slow-connection'], {
      processes: ['dynamic', 'dynamic', 'dynamic'],
      trigger: 'continuous',
      partitions: 3,
      brokers: 1,
      transactionTimeoutMs: 60_000,
      batchRecordsMax: 10,
      keys: ['aa', 'ab', 'ba', 'bb', 'ca', 'cb'],
      recordsPerKey: 60,
      callFaultRate: 0.06,
      eventRate: 0.04,
    }),
  },
  'two ids: the second is produced on before the first is decided': {
    patch: wrapped(TransactionalProducer.prototype, 'commit', withoutAwaiting),
    scenario: withFaults(['lost-request', 'lost-answer'], { trigger: 'continuous' }),
  },
  'only one of two ids initialised': {
    patch: initialisingLate,
    scenario: withFaults(['kill'], { trigger: 'continuous' }),
  },
  'greatest upstream time instead of the least': { patch: takingTheGreatest, scenario: windowed([]) },
  'idle by silence': { patch: idleBySilence, scenario: windowed(['slow-connection']) },
  'watermarks of partitions forgotten': {
    patch: patched(Timekeeper.prototype, 'watermarksOf', () => [null]),
    scenario: windowed(['crash', 'kill']),
  },
  'DeleteRecords before EndTxn': {
    wire: deletingEarly,
    scenario: withFaults(['crash', 'lost-request'], { topology: 'repartition-and-count' }),
  },
}
