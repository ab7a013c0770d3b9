import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { bootstrapNode, type NodeId, type Wire } from '../../../service/kafka/wire/wire.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { Waits } from '../../../service/runtime/waits.ts'
import { WatchedWire } from '../../../service/runtime/watched-wire.ts'

/** A wire whose nodes answer or not, as the test says. */
function watched() {
  const clock = new ManualClock(1000)
  const waits = new Waits(clock)
  const away = new Set<NodeId>()
  let coordinatorCode: number = errorCode.NONE
  const inner = {
    request: async (node: NodeId) => {
      if (away.has(node)) throw new ConnectionError('connection refused')
      return { coordinators: [{ key: 'app', errorCode: coordinatorCode }] }
    },
    close: () => Promise.resolve(),
  }
  const wire = new WatchedWire(inner as unknown as Wire, clock, waits)
  const ask = async (node: NodeId) => {
    try {
      await wire.request(node, 'test', 'Metadata', { topics: [], allowAutoTopicCreation: false })
    } catch (error) {
      assert.ok(error instanceof ConnectionError)
    }
  }
  const find = (code: number) => {
    coordinatorCode = code
    return wire.request(bootstrapNode, 'test', 'FindCoordinator', { keyType: 0, coordinatorKeys: ['app'] })
  }
  const details = () => waits.told.map(({ detail, since }) => `${since}: ${detail}`)
  return { clock, away, ask, find, details }
}

test('a broker that does not answer is told with the time of the first request, until it answers', async () => {
  const { clock, away, ask, details } = watched()
  away.add(2)
  await ask(2)
  clock.advanceMonotonic(500)
  await ask(2)
  await ask(1)
  assert.deepEqual(details(), ['1000: broker 2 cannot be reached: connection refused'])
  away.delete(2)
  await ask(2)
  assert.deepEqual(details(), [])
})

test('Kafka is out of reach while no broker answers', async () => {
  const { away, ask, details } = watched()
  away.add(bootstrapNode)
  await ask(bootstrapNode)
  assert.deepEqual(details(), ['1000: Kafka (kafka.brokers) cannot be reached: connection refused'])
  await ask(3)
  assert.deepEqual(details(), [])
})

test('a broker that nobody asks any more is forgotten', async () => {
  const { clock, away, ask, details } = watched()
  away.add(2)
  await ask(2)
  clock.advanceMonotonic(60_000)
  await ask(1)
  assert.equal(details().length, 1)
  clock.advanceMonotonic(1)
  await ask(1)
  assert.deepEqual(details(), [])
})

test('a coordinator that is unknown is told, until it is found', async () => {
  const { find, details } = watched()
  await find(errorCode.COORDINATOR_NOT_AVAILABLE)
  assert.deepEqual(details(), ['1000: the coordinator of app is unknown: COORDINATOR_NOT_AVAILABLE'])
  await find(errorCode.NONE)
  assert.deepEqual(details(), [])
})
