/** What a seed decides before anything runs: the topology, the processes, the settings, and which faults there are. */
import type { TransactionProtocol } from '../../service/kafka/wire/transaction-protocol.ts'
import type { MarkerDelay } from '../../service/memory/transaction-markers.ts'
import { SeededRandom } from './seeded-random.ts'
import type { TopologyName } from './simulated-topologies.ts'

/** Faults of one call of a port, when it is about to take effect or to be answered. */
export const callFaults = [
  'crash',
  'stand-still',
  'lost-request',
  'lost-answer',
  'late-effect',
  'repeated',
  'refused',
  'slow-connection',
  'held',
] as const
export type CallFault = (typeof callFaults)[number]

/** What else happens to the processes, to Kafka and to the store. */
export const eventFaults = [
  'kill',
  'stop-gracefully',
  'pause',
  'cut-off',
  'twin',
  'slow-code',
  'storm',
  'jump-clock',
  'lose-store',
  'lose-store-key',
  'lose-store-entry',
  'set-store-back',
  'store-away',
  'store-full',
  'move-leader',
  'move-coordinator',
  'open-transaction',
  'delete-read-input',
  'compact',
  'lose-offsets',
  'forget-transactional-id',
] as const
export type EventFault = (typeof eventFaults)[number]
export type Fault = CallFault | EventFault

export interface Scenario {
  readonly seed: number
  readonly topology: TopologyName
  readonly store: 'memory' | 'scripted'
  readonly partitions: number
  readonly brokers: number
  /** One a process: whether its membership is static. */
  readonly processes: readonly ('static' | 'dynamic')[]
  readonly trigger: 'interval' | 'continuous'
  readonly markerDelayMs: MarkerDelay
  readonly firstProducerEpoch: number
  readonly transactionProtocol: TransactionProtocol
  /** Under protocol 1: leaders ask the coordinator before they take the first batch of a transaction. */
  readonly verifiesPartitions: boolean
  /** Under the default a dead writer's transaction ends soon after its session; above it, somebody has to fence it (P9). */
  readonly transactionTimeoutMs: number
  readonly batchRecordsMax: number
  readonly cacheBytesMax: number
  readonly applyQueueBytesMax: number
  readonly keys: readonly string[]
  readonly recordsPerKey: number
  /** In each process. */
  readonly workers: number
  readonly faults: ReadonlySet<Fault>
  /** How likely a fault is at an important call. */
  readonly callFaultRate: number
  /** Calls of this name meet with a fault above all, so that the rare ones do at all; null: none. */
  readonly focus: string | null
  /** Requests that are seldom sent meet with every fault, whatever else there is. */
  readonly hitsRareOnes: boolean
  /** Retention takes records that nobody has read: the processes have to stop with a message. */
  readonly losesInput: boolean
  /** How likely an event is at a step. */
  readonly eventRate: number
}

/** Every request of a running process, and every script of a store. */
const focuses: readonly string[] = [
  'Metadata',
  'FindCoordinator',
  'Produce',
  'Fetch',
  'ListOffsets',
  'OffsetForLeaderEpoch',
  'DeleteRecords',
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
  'DescribeProducers',
  'ListTransactions',
  'OffsetFetch',
  'OffsetCommit',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'acquire',
  'load',
  'counts',
  'scan',
  'apply',
  'rebuild',
]

/** Of so many seeds one runs windows, of either kind in turn, one rankings, and one has records of all fates. */
const turnOfSeeds = 7

/** Some of the faults each time: those that happen all the time would keep others from showing. */
export function scenarioOf(seed: number): Scenario {
  const random = new SeededRandom(seed)
  const drawn = random.pick<TopologyName>([
    ...Array.from({ length: 4 }, () => 'copy-and-sum' as const),
    ...Array.from({ length: 3 }, () => 'repartition-and-count' as const),
    ...Array.from({ length: 3 }, () => 'union-and-chain' as const),
    'large-rows',
  ])
  const windows = (seed / turnOfSeeds) % 2 === 0 ? 'sessions-and-hops' : 'windowed'
  const turns: Readonly<Record<number, TopologyName>> = { 0: windows, 3: 'ranked', 5: 'accounted' }
  const topology = turns[seed % turnOfSeeds] ?? drawn
  const processes = Array.from({ length: random.between(1, 3) }, () => (random.chance(0.75) ? 'static' : 'dynamic'))
  const faults = [...callFaults, ...eventFaults].filter(() => random.chance(0.45))
  const keys = ['aa', 'ab', 'ba', 'bb', 'ca', 'cb'].slice(0, random.between(2, 6))
  return {
    seed,
    topology,
    store: random.chance(0.6) ? 'scripted' : 'memory',
    partitions: random.between(1, 3),
    brokers: random.between(1, 2),
    processes,
    trigger: random.chance(0.7) ? 'interval' : 'continuous',
    markerDelayMs: random.pick([0, 0, 0, 5, 40, 400]),
    firstProducerEpoch: random.chance(0.15) ? random.between(32_755, 32_766) : 0,
    batchRecordsMax: random.pick([1, 3, 10, 1000]),
    cacheBytesMax: random.pick([1, 500, 1 << 20]),
    applyQueueBytesMax: random.pick([100, 1 << 20]),
    keys,
    recordsPerKey: random.between(4, 16),
    workers: random.chance(0.2) ? 2 : 1,
    transactionProtocol: random.chance(0.3) ? 1 : 2,
    verifiesPartitions: random.chance(0.5),
    faults: new Set<Fault>(faults),
    focus: random.chance(0.4) ? random.pick(focuses) : null,
    losesInput: random.chance(0.03),
    callFaultRate: random.pick([0.005, 0.02, 0.06]),
    eventRate: random.pick([0.01, 0.02, 0.04]),
    transactionTimeoutMs: random.pick([10_000, 60_000]),
    hitsRareOnes: random.chance(0.6),
  }
}
