/** What any implementation of the Wire port has to do: the rules of a Kafka broker that the protocol code relies on. */
import { after, before, describe } from 'node:test'
import { eventually, fresh, type KafkaUnderTest, WireClient } from './wire-client.ts'
import type { TransactionProtocol } from '../../service/kafka/wire/transaction-protocol.ts'
import { groupTests } from './wire-groups.ts'
import { logTests } from './wire-logs.ts'
import { offsetTests } from './wire-offsets.ts'
import { newEpochTests } from './wire-new-epochs.ts'
import { sameEpochTests } from './wire-same-epoch.ts'
import { routingTests, topicTests } from './wire-topics.ts'
import { transactionTests } from './wire-transactions.ts'

export interface WireSuite {
  readonly name: string
  /** How many nodes the cluster has. */
  readonly nodes: number
  readonly protocol: TransactionProtocol
  readonly open: () => Promise<KafkaUnderTest>
}

/** Registers all tests; each uses topics, groups and transactional ids of its own, so they run side by side. */
export function wireSuite({ name, nodes, protocol, open }: WireSuite): void {
  let opened: Promise<KafkaUnderTest> | undefined
  // Tests ask for it while they run, after `before`.
  const kafka = async () => {
    opened ??= open()
    return opened
  }
  describe(name, { concurrency: true }, () => {
    before(async () => warmUp(await kafka()))
    after(async () => (await kafka()).close())
    topicTests(kafka)
    if (nodes > 1) routingTests(kafka)
    logTests(kafka)
    transactionTests(kafka)
    if (protocol === 2) newEpochTests(kafka)
    else sameEpochTests(kafka)
    offsetTests(kafka)
    groupTests(kafka)
  })
}

/** A cluster that has just started makes its internal topics and their coordinators when it is first asked for them: not within a test. */
async function warmUp(kafka: KafkaUnderTest): Promise<void> {
  const client = new WireClient(kafka.wire())
  const keys = Array.from({ length: 20 }, () => fresh('warm-up'))
  for (const key of keys) {
    await eventually('coordinators', async () => ((await client.tryInitialise(key)).errorCode === 0 ? true : undefined), 60_000)
    await client.committedOffset(key, key)
  }
}
