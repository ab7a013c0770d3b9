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
  assert.match(three, /^controlled.shutdown.enable=true$/m)
  const one = nodeProperties(first, [first], '/data', {})
  assert.match(one, /^min.insync.replicas=1$/m)
  assert.match(one, /^controlled.shutdown.enable=false$/m)
})

test('given settings replace those of the sandbox', () => {
  const [first] = nodes
  assert.ok(first)
  const text = nodeProperties(first, [first], '/data', { 'num.partitions': '7', 'message.max.bytes': '1000' })
  assert.deepEqual(text.match(/^num.partitions=.*$/gm), ['num.partitions=7'])
  assert.match(text, /^message.max.bytes=1000$/m)
})
