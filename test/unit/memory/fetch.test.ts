import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError } from '../../../service/errors.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { MemoryKafka } from '../../../service/memory/memory-kafka.ts'

/** A Fetch that is held, as nothing is there to be read. */
function held() {
  const clock = new ManualClock(0)
  const kafka = new MemoryKafka({ clock })
  kafka.createTopic('empty')
  const wire = kafka.wire()
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
  const answer = wire.request(1, 'fetch', 'Fetch', {
    maxWaitMs: 30_000,
    minBytes: 1,
    isolationLevel: 0,
    topics: [{ topic: 'empty', partitions }],
    forgottenTopicsData: [],
  })
  assert.equal(clock.nextDue(), 30_000)
  return { clock, kafka, wire, answer }
}

test('a held Fetch ends with the wire: nothing sleeps on', async () => {
  const { clock, wire, answer } = held()
  await wire.close()
  await assert.rejects(answer, ConnectionError)
  assert.equal(clock.nextDue(), undefined)
})

test('a held Fetch ends with the cluster, and its wires are closed', async () => {
  const { clock, kafka, wire, answer } = held()
  kafka.close()
  await assert.rejects(answer, ConnectionError)
  assert.equal(clock.nextDue(), undefined)
  await assert.rejects(wire.request(1, 'any', 'ApiVersions', { clientSoftwareName: '', clientSoftwareVersion: '' }), /is closed/)
})
