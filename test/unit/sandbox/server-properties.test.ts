/** The settings of one node, of three, and settings over them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeProperties } from '../../../service/sandbox/server-properties.ts'

const nodes = [1, 2, 3].map((id) => ({ id, port: 9000 + id, controllerPort: 9100 + id }))

test('three nodes replicate, one cannot', () => {
  const [first] = nodes
  assert.ok(first)
  const three = nodeProperties(first, nodes, '/data', {})
  assert.match(three, /^controller.quorum.voters=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103$/m)
  assert.match(three, /^transaction.state.log.replication.factor=3$/m)
  assert.match(three, /^min.insync.replicas=2$/m)
  assert.match(nodeProperties(first, [first], '/data', {}), /^min.insync.replicas=1$/m)
})

test('given settings replace those of the sandbox', () => {
  const [first] = nodes
  assert.ok(first)
  const text = nodeProperties(first, [first], '/data', { 'num.partitions': '7', 'message.max.bytes': '1000' })
  assert.deepEqual(text.match(/^num.partitions=.*$/gm), ['num.partitions=7'])
  assert.match(text, /^message.max.bytes=1000$/m)
})

test('a controller in a process of its own: it alone votes, and brokers are counted without it', () => {
  const broker = { id: 1, port: 9001, controllerPort: null }
  const controller = { id: 2, port: null, controllerPort: 9102 }
  const ofBroker = nodeProperties(broker, [broker, controller], '/data', {})
  assert.match(ofBroker, /^process.roles=broker$/m)
  assert.match(ofBroker, /^listeners=PLAINTEXT:\/\/127.0.0.1:9001$/m)
  assert.match(ofBroker, /^min.insync.replicas=1$/m)
  const ofController = nodeProperties(controller, [broker, controller], '/data', { 'log.dirs': '/small' })
  assert.match(ofController, /^process.roles=controller$/m)
  assert.match(ofController, /^listeners=CONTROLLER:\/\/127.0.0.1:9102$/m)
  assert.doesNotMatch(ofController, /advertised|small/)
  for (const text of [ofBroker, ofController]) assert.match(text, /^controller.quorum.voters=2@127.0.0.1:9102$/m)
})
