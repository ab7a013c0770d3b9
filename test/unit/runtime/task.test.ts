/** P10: what a task leaves beside each of its offsets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeOffsetMetadata } from '../../../service/commit/offset-metadata.ts'
import { json, stream, topology } from '../../../service/index.ts'
import { onBed, running } from '../../support/process-bed.ts'

const both = topology(
  'two',
  stream(['left', 'right'], { value: json<number>() })
    .byKey()
    .sum('total', (number) => number)
    .to('sums', { value: json() }),
)

test('P10: with several source partitions the metadata stands on each, whichever of them moved', () =>
  onBed({ topology: both }, async (bed) => {
    bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 1))
    bed.send('left', { key: 'a', value: 1 })
    await bed.drained('left')
    const columns = bed.kafka.records(bed.prepared.plan.changelogOf('total'), 0, 'committed')
    for (const topic of ['left', 'right']) {
      const metadata = decodeOffsetMetadata(bed.metadata(topic))
      assert.equal(metadata?.batch, 1, topic)
      assert.equal(metadata?.stores['total']?.[1], columns.offsets[columns.count - 1], topic)
    }
  }))
