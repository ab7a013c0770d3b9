/** Where a defect can be planted into a simulated process, without a hook in the service: at its ports, or in an object that it uses. */
import type { Wire } from '../../service/kafka/wire/wire.ts'
import type { ScriptedStore } from '../../service/state/scripted-store.ts'
import type { StoreScripts } from '../../service/state/store-scripts.ts'
import type { Scenario } from './scenario.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

export interface Plant {
  /** Between a process and its connections to Kafka. */
  readonly wire?: (inner: Wire, cluster: SimulatedCluster) => Wire
  /** Between a process and the scripts of the store. */
  readonly scripts?: (inner: ScriptedStore) => StoreScripts
  /** Replaces a method of a class for the time of a run; returns how to undo that. */
  readonly patch?: () => () => void
  /** What makes the defect likely to show; the rest is the seed's. */
  readonly scenario?: (scenario: Scenario) => Scenario
}
