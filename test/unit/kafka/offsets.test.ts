import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listOffsets, partitionKey } from '../../../service/kafka/offsets.ts'
import type { RequestOf } from '../../../service/kafka/wire/messages.ts'
import { Bed, isReal } from './bed.ts'

test('P11: the ends of a log are asked for by the epoch of its leader', { skip: isReal }, async () => {
  const bed = new Bed({ brokers: 2 })
  await bed.cluster.connect()
  const topic = await bed.topic('moves')
  for (const node of [2, 1, 2]) bed.memory?.moveLeader(topic, 0, node)
  bed.cluster.invalidate(topic)
  const ends = await listOffsets(bed.cluster, [{ topic, partition: 0 }], 'latest', 'read_uncommitted')
  assert.equal(ends.get(partitionKey(topic, 0))?.offset, 0)
  const asked = bed.wire.sent.filter(({ api }) => api === 'ListOffsets').at(-1)?.body as RequestOf<'ListOffsets'>
  assert.equal(asked.topics[0]?.partitions[0]?.currentLeaderEpoch, (await bed.cluster.leader(topic, 0)).epoch)
  await bed.close()
})
