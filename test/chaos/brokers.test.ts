/**
 * Brokers that fail, restart and hand over, under load: nothing is lost, doubled or torn, and work goes on by itself. Three brokers, with
 * three replicas of everything, of which two have to be in sync. The short form strikes one topology, the long one all of them.
 */
import { after, before, describe, test } from 'node:test'
import { type BrokerFault, strikeAll } from '../support/broker-faults.ts'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import type { ChaosTopology } from '../support/checker/answers.ts'
import { type Bounce, KafkaCluster, noCluster } from '../support/cluster.ts'

const inTurn =
  (how: Bounce): BrokerFault['strike'] =>
  async (cluster) => {
    for (const id of cluster.ids) await cluster.bounce(id, how)
  }

const killCoordinator =
  (kind: 'group' | 'transaction', keyOf: (application: string) => string): BrokerFault['strike'] =>
  async (cluster, { application }) =>
    cluster.bounce(await cluster.coordinatorOf(kind, keyOf(application)), 'hard')

/** Every partition of the application gets its replicas in another order, and the first of them as its leader. */
const reassign: BrokerFault['strike'] = async (cluster, { application }) => {
  const own = (await cluster.topics()).filter((topic) => topic.startsWith(`${application}-`))
  for (const topic of own) {
    const leaders = await cluster.leadersOf(topic)
    const after = (partition: number, places: number) => (((leaders[partition] ?? 1) - 1 + places) % cluster.ids.length) + 1
    await cluster.reassign(topic, (partition) => [after(partition, 1), after(partition, 2)])
  }
  for (const topic of own) {
    const leaders = await cluster.leadersOf(topic)
    await cluster.reassign(topic, (partition) => [
      leaders[partition] ?? 1,
      ...cluster.ids.filter((id) => id !== leaders[partition]),
    ])
  }
}

const killedCoordinators: readonly BrokerFault[] = [
  { name: 'the coordinator of the group is killed', strike: killCoordinator('group', (application) => application) },
  {
    name: 'the coordinator of the transactions is killed',
    strike: killCoordinator('transaction', (application) => `${application}.a.0`),
  },
]
const movedLeaders: readonly BrokerFault[] = [
  { name: 'leaders move by preferred election', strike: (cluster) => cluster.electPreferred() },
  { name: 'leaders move by reassignment', strike: reassign },
]
const bounces: readonly BrokerFault[] = [
  { name: 'one of three brokers is stopped and restarted', strike: (cluster) => cluster.bounce(3, 'clean') },
  { name: 'one of three brokers is killed and restarted', strike: (cluster) => cluster.bounce(2, 'hard') },
  { name: 'all brokers are stopped and restarted in turn', strike: inTurn('clean') },
  { name: 'all brokers are killed and restarted in turn', strike: inTurn('hard') },
  { name: 'a broker comes back at another address', strike: (cluster) => cluster.move(1) },
]
// A coordinator that is killed is one of three brokers too; and what is killed is restarted.
const faults = isLong ? [...bounces, ...killedCoordinators, ...movedLeaders] : [...killedCoordinators, ...movedLeaders]
const topologies: readonly ChaosTopology[] = isLong ? ['copy', 'running', 'windowed', 'sessions'] : ['running']

describe('three brokers', { skip: noCluster }, () => {
  let cluster: KafkaCluster
  before(async () => {
    cluster = await KafkaCluster.start({ brokers: 3 })
  })
  after(() => cluster.close())

  for (const topology of topologies) {
    test(`${topology}: brokers fail, restart and hand over`, async (test) => {
      const { brokers, redisUrl: redis } = cluster
      const stage = await ChaosStage.set({ test, name: 'brokers', topology, redis, brokers, workers: ['a', 'b'] })
      stage.start()
      stage.flow(300)
      await strikeAll({ test, cluster, stage, faults })
      await stage.finish({ scenario: `three brokers, ${topology}: all of these` })
    })
  }
})
