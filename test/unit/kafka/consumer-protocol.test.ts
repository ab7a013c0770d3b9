import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FatalError } from '../../../service/errors.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../../service/kafka/consumer-protocol.ts'

const subscription = { fingerprint: 'f', transactionalIds: ['tx'], tasks: ['0_1', '1_1'] as const, generation: 7 }
const assignment = { fingerprint: 'f', liveIds: ['tx', 'ty'], members: 2, tasks: ['0_1'] as const, refused: ['m'] }

test('subscriptions and assignments come back as they went', () => {
  const owned = [{ topic: 'ü', partitions: [1, 300] }]
  assert.deepEqual(decodeSubscription(encodeSubscription(['a', 'ü'], owned, subscription)), subscription)
  assert.deepEqual(decodeAssignment(encodeAssignment(owned, assignment)), assignment)
  assert.equal(decodeAssignment(Buffer.alloc(0)), null)
})

test('the encoding is Kafka’s own, byte by byte', () => {
  const bytes = encodeAssignment([{ topic: 'ab', partitions: [5] }], assignment)
  assert.equal(
    bytes.subarray(0, 22).toString('hex'),
    '0001' + '00000001' + '0002' + '6162' + '00000001' + '00000005' + bytes.subarray(18, 22).toString('hex'),
  )
  assert.equal(bytes.readInt32BE(18), bytes.length - 22)
  const metadata = encodeSubscription(['ab'], [], subscription)
  assert.equal(metadata.subarray(0, 10).toString('hex'), '0002' + '00000001' + '0002' + '6162')
  assert.equal(metadata.subarray(-8).toString('hex'), '00000000' + '00000007')
})

test('a member of another kind is refused with a sentence', () => {
  const foreign = Buffer.from('0001' + '00000001' + '0002' + '6162' + 'ffffffff', 'hex')
  assert.throws(
    () => decodeSubscription(foreign),
    (error) => error instanceof FatalError && error.message.includes('application id'),
  )
  assert.throws(() => decodeSubscription(foreign.subarray(0, 8)), FatalError)
})
