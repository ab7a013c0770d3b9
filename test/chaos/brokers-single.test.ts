/** The only broker fails and comes back; the addresses that brokers tell of themselves change. */
import { test } from 'node:test'
import { type BrokerFault, strikeAll } from '../support/broker-faults.ts'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import type { ChaosTopology } from '../support/checker/answers.ts'
import { KafkaCluster, noCluster } from '../support/cluster.ts'

const topologies: readonly ChaosTopology[] = isLong ? ['copy', 'running', 'windowed', 'sessions'] : ['windowed']

for (const topology of topologies) {
  test(`${topology}: the only broker fails, comes back, and has another address`, { skip: noCluster }, async (test) => {
    const cluster = await KafkaCluster.start({ brokers: 1 })
    test.after(() => cluster.close())
    const { brokers, redisUrl: redis } = cluster
    const stage = await ChaosStage.set({ test, name: 'broker', topology, redis, brokers, proxied: true, workers: ['a', 'b'] })
    stage.start()
    stage.flow(300)
    const faults: readonly BrokerFault[] = [
      { name: 'the only broker is killed and restarted', strike: () => cluster.bounce(1, 'hard') },
      { name: 'the only broker is stopped and restarted', strike: () => cluster.bounce(1, 'clean') },
      {
        name: 'the advertised address changes',
        strike: async () => void (await Promise.all(stage.proxies.map((proxy) => proxy.moveTo()))),
      },
    ]
    await strikeAll({ test, cluster, stage, faults })
    await stage.finish({ scenario: `one broker, ${topology}: all of these` })
  })
}
