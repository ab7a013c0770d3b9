/** The faults that happen around the processes, one function each; the schedule says when. */
import type { EventFault, Scenario } from './scenario.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Trace } from './trace.ts'

/** What a fault can get hold of. */
export interface FaultStage {
  readonly scenario: Scenario
  readonly cluster: SimulatedCluster
  readonly random: SeededRandom
  readonly trace: Trace
  /** Those that live, and those that are about to end. */
  readonly processes: readonly SimulatedProcess[]
  /** How many reasons there are for the store to be away. */
  storeAway: number
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

const pause = (kind: 'stopped' | 'cut-off') =>
  onSomeProcess((stage, process) => {
    if (process.ports.pause !== 'none') return
    const ms = stage.random.pick([200, 4000, 9000, 15_000])
    stage.trace.add(process.name, `-- ${kind} for ${ms} ms`)
    process.ports.pause = kind
    stage.later(ms, () => {
      process.ports.pause = 'none'
    })
  })

export const faultEvents: Readonly<Record<EventFault, FaultEvent>> = {
  kill: onSomeProcess((stage, process) => {
    stage.kill(process, 'killed')
  }),

  'stop-gracefully': onSomeProcess((stage, process) => {
    stage.trace.add(process.name, '-- stops gracefully')
    process.stopGracefully()
  }),

  pause: pause('stopped'),
  'cut-off': pause('cut-off'),

  /** A rolling update that overlaps: the new process of a place begins while the old one lives. */
  twin: onSomeProcess((stage, process) => {
    if (process.hasTwin) return
    stage.trace.add(process.name, '-- gets a twin')
    stage.start(process.place)
  }),

  'lose-store': onScriptedStore(({ cluster, trace }) => {
    trace.add('store', '-- loses everything')
    cluster.store.loseEverything()
  }),

  'lose-store-key': onScriptedStore(({ cluster, trace, random }) => {
    const store = random.pick(cluster.stores())
    const key = random.pick(['m', 'k'] as const)
    trace.add('store', `-- loses the key ${key} of ${store.store}-${store.partition}`)
    cluster.store.loseKey(store, key)
  }),

  'lose-store-entry': onScriptedStore(({ cluster, trace, random }) => {
    const store = random.pick(cluster.stores())
    const key = [...cluster.store.entries(store).keys()][0]
    if (key === undefined) return
    trace.add('store', `-- loses an entry of ${store.store}-${store.partition}`)
    cluster.store.loseEntry(store, Buffer.from(key, 'latin1'))
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

  'move-leader': ({ cluster, trace, random, scenario }) => {
    if (scenario.brokers < 2) return
    const { topic, partition } = random.pick(cluster.movable())
    const node = random.pick(cluster.kafka.nodes)
    trace.add('kafka', `-- ${node} leads ${topic}-${partition}`)
    cluster.kafka.moveLeader(topic, partition, node)
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
