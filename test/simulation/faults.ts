/** The faults that happen around the processes, one function each; the schedule says when. */
import { standStill } from './call-faults.ts'
import type { EventFault, Scenario } from './scenario.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Strangers } from './strangers.ts'
import type { Trace } from './trace.ts'

/** What a fault can get hold of. */
export interface FaultStage {
  readonly scenario: Scenario
  readonly cluster: SimulatedCluster
  readonly random: SeededRandom
  readonly trace: Trace
  /** Those that live, and those that are about to end. */
  readonly processes: readonly SimulatedProcess[]
  readonly strangers: Strangers
  /** How many reasons there are for the store to be away. */
  storeAway: number
  /** How many reasons there are for the store to take nothing in. */
  storeFull: number
  start(place: number): void
  /** kill -9: nothing of it takes effect any more, but for what is on its way already. */
  kill(process: SimulatedProcess, how: string): void
  /** Does something after so many milliseconds. */
  later(ms: number, act: () => void): void
}

/** Does nothing where there is nothing that it could happen to. */
type FaultEvent = (stage: FaultStage) => void

const onSomeProcess =
  (act: (stage: FaultStage, process: SimulatedProcess) => void): FaultEvent =>
  (stage) => {
    const alive = stage.processes.filter(({ ended, isStopping }) => ended === null && !isStopping)
    if (alive.length > 0) act(stage, stage.random.pick(alive))
  }

const onScriptedStore =
  (act: FaultEvent): FaultEvent =>
  (stage) => {
    if (stage.scenario.store === 'scripted') act(stage)
  }

const pause = (kind: 'stopped' | 'cut-off' | 'blocked', forMs: readonly number[]) =>
  onSomeProcess((stage, process) => {
    if (process.ports.pause !== 'none') return
    const ms = stage.random.pick(forMs)
    stage.trace.add(process.name, `-- ${kind} for ${ms} ms`)
    standStill(stage, process, kind, ms)
  })

/** Of those that join and leave, so many are there at once. */
const guestsMax = 2
const hourMs = 3_600_000

export const faultEvents: Readonly<Record<EventFault, FaultEvent>> = {
  kill: onSomeProcess((stage, process) => {
    stage.kill(process, 'killed')
  }),

  'stop-gracefully': onSomeProcess((stage, process) => {
    stage.trace.add(process.name, '-- stops gracefully')
    process.stopGracefully()
  }),

  pause: pause('stopped', [200, 4000, 9000, 15_000]),
  'cut-off': pause('cut-off', [200, 4000, 9000, 15_000]),
  /** Past the last of them the worker is taken for hung (P17). */
  'slow-code': pause('blocked', [1000, 8000, 15_000, 30_000]),

  /** Once a second for a while somebody joins the group, or leaves it in one way or another. */
  storm: (stage) => {
    const { scenario, random, trace } = stage
    const guest = scenario.processes.length
    const seconds = random.between(3, 10)
    trace.add('group', `-- somebody joins or leaves each second, ${seconds} times`)
    for (let second = 0; second < seconds; second++) {
      stage.later(1000 * second, () => {
        const guests = stage.processes.filter(({ place, ended }) => place >= guest && ended === null)
        const leaving = random.chance(0.5) ? guests.find(({ isStopping }) => !isStopping) : undefined
        if (leaving === undefined && guests.length < guestsMax) return stage.start(guest + second)
        if (leaving === undefined) return
        if (random.chance(0.3)) return stage.kill(leaving, 'killed')
        trace.add(leaving.name, '-- stops gracefully')
        leaving.stopGracefully()
      })
    }
  },

  'jump-clock': onSomeProcess(({ random, trace }, { name, ports }) => {
    ports.skewMs = random.pick([-hourMs, 0, hourMs])
    trace.add(name, `-- its wall clock is ${ports.skewMs} ms ahead`)
  }),

  /** A rolling update that overlaps: the new process of a place begins while the old one lives. */
  twin: onSomeProcess((stage, process) => {
    if (stage.processes.some((other) => other !== process && other.place === process.place)) return
    stage.trace.add(process.name, '-- gets a twin')
    stage.start(process.place)
  }),

  'lose-store': onScriptedStore(({ cluster, trace }) => {
    trace.add('store', '-- loses everything')
    cluster.store.loseEverything()
  }),

  'lose-store-key': onScriptedStore(({ cluster, trace, random }) => {
    const store = random.pick(cluster.stores())
    const buckets = [...cluster.store.bucketEntries(store).keys()]
    const key = random.pick(['m', 'k', 'x', ...buckets.slice(0, 2)])
    trace.add('store', `-- loses the key ${key} of ${store.store}-${store.partition}`)
    if (key === 'm' || key === 'k' || key === 'x') cluster.store.loseKey(store, key)
    else cluster.store.loseBucket(store, key)
  }),

  'lose-store-entry': onScriptedStore(({ cluster, trace, random }) => {
    const store = random.pick(cluster.stores())
    const keyed = [...cluster.store.entries(store).keys()].map((key) => ({ key, bucket: null }))
    const bucketed = [...cluster.store.bucketEntries(store)].flatMap(([bucket, entries]) =>
      [...entries.keys()].map((key) => ({ key, bucket: Buffer.from(bucket, 'hex') })),
    )
    const entries = [...keyed, ...bucketed]
    if (entries.length === 0) return
    const { key, bucket } = random.pick(entries)
    trace.add('store', `-- loses an entry of ${store.store}-${store.partition}`)
    cluster.store.loseEntry(store, Buffer.from(key, 'latin1'), bucket)
  }),

  /** A failover to a replica that lags behind. */
  'set-store-back': onScriptedStore((stage) => {
    const { cluster, trace } = stage
    const snapshot = cluster.store.snapshot()
    trace.add('store', '-- the replica stands still')
    stage.later(stage.random.pick([100, 1000, 5000]), () => {
      trace.add('store', '-- is set back to the replica')
      snapshot.restore()
    })
  }),

  'store-away': onScriptedStore((stage) => {
    const ms = stage.random.pick([100, 2000, 8000])
    stage.trace.add('store', `-- away for ${ms} ms`)
    stage.storeAway += 1
    stage.later(ms, () => {
      stage.storeAway -= 1
    })
  }),

  'store-full': onScriptedStore((stage) => {
    const ms = stage.random.pick([100, 2000, 8000])
    stage.trace.add('store', `-- out of memory for ${ms} ms`)
    stage.storeFull += 1
    stage.later(ms, () => {
      stage.storeFull -= 1
    })
  }),

  'move-leader': (stage) => {
    const { cluster, random } = stage
    if (stage.scenario.brokers < 2) return
    move(stage, random.pick(cluster.movable()), 0)
  },

  /** The new one reads its log first, which takes a while. */
  'move-coordinator': (stage) => {
    move(stage, stage.random.pick(stage.cluster.coordinators()), stage.random.pick([0, 50, 1000]))
  },

  /** Somebody else writes to the input, in a transaction that stays open for a while. */
  'open-transaction': (stage) => {
    const { strangers, random, trace } = stage
    const ms = random.pick([10, 1000, 9000])
    const outcome = random.chance(0.5) ? 'commit' : 'abort'
    if (strangers.isExhausted) return
    const stranger = strangers.begin()
    trace.add('input', `-- the transaction ${stranger.name} is open for ${ms} ms`)
    stage.later(ms, () => {
      trace.add('input', `-- ${stranger.name}: ${outcome}`)
      strangers.end(stranger, outcome)
    })
  },

  /** Retention, or somebody who tidies up. */
  'delete-read-input': ({ cluster, trace, random }) => {
    const { topic, partition } = random.pick(cluster.partitions(cluster.simulated.inputs))
    const upTo = cluster.committedOffset(topic, partition)
    if (upTo <= cluster.kafka.startOffset(topic, partition)) return
    trace.add('kafka', `-- deletes ${topic}-${partition} before ${upTo}`)
    cluster.kafka.deleteRecords(topic, partition, upTo)
  },

  compact: ({ cluster, trace, random }) => {
    const stores = cluster.stores()
    const { changelog } = random.pick(stores)
    trace.add('kafka', `-- compacts ${changelog}`)
    cluster.kafka.compact(changelog)
  },

  /** As a broker forgets them after seven days without members. */
  'lose-offsets': (stage) => {
    const { cluster, trace } = stage
    if (!cluster.simulated.survivesLostOffsets || !isLongAfterAll(stage)) return
    trace.add('kafka', '-- forgets the offsets of the group')
    cluster.kafka.expireOffsets(cluster.prepared.plan.application)
  },

  /** As a broker does after seven idle days. */
  'forget-transactional-id': (stage) => {
    const { cluster, trace } = stage
    if (!isLongAfterAll(stage)) return
    trace.add('kafka', '-- forgets all transactional ids')
    for (const id of cluster.transactionalIds) cluster.kafka.expireTransactionalId(id)
  },
}

/** All processes die; true where they leave nothing open, so that as many days as one likes may pass before the next one starts. */
function isLongAfterAll(stage: FaultStage): boolean {
  for (const process of stage.processes) stage.kill(process, 'killed, as all are')
  return stage.cluster.kafka.openTransactions().length === 0
}

function move(
  stage: FaultStage,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  loadingMs: number,
): void {
  const { cluster, random, trace } = stage
  const node = random.pick(cluster.kafka.nodes)
  trace.add('kafka', `-- ${node} leads ${topic}-${partition}${loadingMs > 0 ? `, which it reads for ${loadingMs} ms` : ''}`)
  cluster.kafka.moveLeader(topic, partition, node, { loadingMs })
}
