/** The configuration of a sandbox's broker: small, quick to start, with rebalances that don't wait. */

/** A node has a port for each of its roles, broker and controller; null: it has not that role. */
export interface KafkaNode {
  readonly id: number
  readonly port: number | null
  readonly controllerPort: number | null
}

/** After so long without a sign of a broker the controller gives its partitions to others. */
export const brokerSessionTimeoutMs = 5_000

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
    'transaction.max.timeout.ms': 900_000,
    // How long a broker that was killed keeps its own restart waiting (default 9 s).
    'broker.session.timeout.ms': brokerSessionTimeoutMs,
    'broker.heartbeat.interval.ms': 1_000,
    // Retention goes by the stamps of records, and those of tests lie in the past.
    'log.retention.ms': -1,
  }
}

/** The text of a node's `server.properties`; of a broker's, `properties` go over the sandbox's own. */
export function nodeProperties(
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  data: string,
  properties: Readonly<Record<string, string>>,
): string {
  const { port, controllerPort } = node
  const roles = [...(port === null ? [] : ['broker']), ...(controllerPort === null ? [] : ['controller'])]
  const listeners = [
    ...(port === null ? [] : [`PLAINTEXT://127.0.0.1:${port}`]),
    ...(controllerPort === null ? [] : [`CONTROLLER://127.0.0.1:${controllerPort}`]),
  ]
  const voters = nodes.flatMap(({ id, controllerPort: at }) => (at === null ? [] : [`${id}@127.0.0.1:${at}`]))
  const asBroker = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`, 'inter.broker.listener.name': 'PLAINTEXT' }
  const all: Record<string, string | number> = {
    'process.roles': roles.join(','),
    'node.id': node.id,
    'controller.quorum.voters': voters.join(','),
    listeners: listeners.join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    ...(port === null ? {} : asBroker),
    ...brokerSettings(nodes.filter((each) => each.port !== null).length),
  }
  return Object.entries({ ...all, ...(port === null ? {} : properties) })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
