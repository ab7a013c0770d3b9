/** Faults of brokers as values, and how a stage is struck with them, one after the other. */
import type { TestContext } from 'node:test'
import type { ChaosStage } from './chaos-stage.ts'
import type { KafkaCluster } from './cluster.ts'
import { tellResult } from './gaps.ts'

export interface BrokerFault {
  readonly name: string
  /** Resolves when the cluster is whole again. */
  readonly strike: (cluster: KafkaCluster, stage: ChaosStage) => Promise<void>
}

/** How many records have to be processed after a fault before the next one comes. */
const recordsBetween = 500
const withinMs = 180_000

/** Under load: after each fault work has to go on by itself. Tells how long no committed output was to be seen. */
export async function strikeAll({
  test,
  cluster,
  stage,
  faults,
}: {
  readonly test: TestContext
  readonly cluster: KafkaCluster
  readonly stage: ChaosStage
  readonly faults: readonly BrokerFault[]
}): Promise<void> {
  await bringsOutput(stage)
  for (const { name, strike } of faults) {
    const struckAt = Date.now()
    await strike(cluster, stage)
    await stage.settled(withinMs)
    await bringsOutput(stage)
    const longestGapMs = stage.gapSince(struckAt)
    test.diagnostic(`${name}: longest gap in committed output ${(longestGapMs / 1000).toFixed(1)} s`)
    tellResult({ scenario: `${name} (${stage.topology})`, brokers: cluster.ids.length, outcome: 'goes on', longestGapMs })
  }
}

/** Waits until more input is processed, and then until there is output again: that of windows may come long after its input. */
export async function bringsOutput(stage: ChaosStage): Promise<void> {
  await stage.processes(recordsBetween, withinMs)
  const processedAt = Date.now()
  await stage.until(() => (stage.bystander.seen.at(-1)?.atMs ?? 0) > processedAt, 'output is seen', withinMs)
}
