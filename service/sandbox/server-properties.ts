/** The configuration of a sandbox's broker: small, quick to start, with rebalances that don't wait. */

export interface KafkaNode {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

/** What all sandboxes of so many brokers share: everything but addresses, roles and directories. */
export function brokerSettings(brokers: number): Readonly<Record<string, string | number>> {
  const replicas = brokers < 3 ? 1 : 3
  const inSync = brokers < 3 ? 1 : 2
  return {
    'num.partitions': 1,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 8_388_608,
    'offsets.topic.num.partitions': 5,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 5,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'group.initial.rebalance.delay.ms': 0,
    // Tests let members die; nobody wants to wait six seconds for each.
    'group.min.session.timeout.ms': 1_000,
    'auto.create.topics.enable': 'false',
    // A broker that hands over partitions of which it has the only replica leaves them without a leader for a moment; a transaction that ends
    // then is complete for its coordinator, though its markers were never written (Kafka 4.3.1), and its partitions are blocked for good.
    'controlled.shutdown.enable': String(replicas > 1),
    'transaction.max.timeout.ms': 900_000,
    // How long a broker that was killed keeps its own restart waiting (default 9 s).
    'broker.session.timeout.ms': 5_000,
    'broker.heartbeat.interval.ms': 1_000,
    // Retention goes by the stamps of records, and those of tests lie in the past.
    'log.retention.ms': -1,
  }
}

/** The text of a node's `server.properties`; `properties` go over the sandbox's own. */
export function nodeProperties(
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  data: string,
  properties: Readonly<Record<string, string>>,
): string {
  const all: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    ...brokerSettings(nodes.length),
  }
  return Object.entries({ ...all, ...properties })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
