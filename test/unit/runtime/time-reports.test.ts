import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ControlRecord } from '../../../service/operators/control-record.ts'
import { TimeReports } from '../../../service/runtime/time-reports.ts'
import { taskId } from '../../../service/task-id.ts'
import { endOfTime } from '../../../service/time/task-time.ts'

/** A task that writes to one repartition topic, with a watermark moved by hand. */
function bed() {
  const watermark = { value: Number.NEGATIVE_INFINITY, isIdle: false }
  const state = { isDrifting: false }
  const reports = new TimeReports(taskId(0, 0), new Map([['sums', watermark]]), () => state.isDrifting)
  const take = (now: number, hasData = false) => reports.take(now, () => hasData).map(({ control }) => kindAndTime(control))
  return { watermark, state, reports, take }
}
const kindAndTime = ({ kind, time }: ControlRecord) => [kind, time]

describe('what a task tells of event time', () => {
  test('nothing before there is anything to tell, and nothing twice', () => {
    const { watermark, reports, take } = bed()
    assert.deepEqual([reports.isDue(0), take(0, true)], [false, []])
    watermark.value = 5
    assert.deepEqual([reports.isDue(0), take(0)], [true, [['watermark', 5]]])
    assert.deepEqual([reports.isDue(1000), take(1000, true)], [false, []])
  })

  test('with data at once, alone 200 ms after the one before', () => {
    const { watermark, reports, take } = bed()
    watermark.value = 5
    take(0)
    watermark.value = 6
    assert.deepEqual([reports.isDue(199), take(199)], [false, []])
    assert.deepEqual(take(199, true), [['watermark', 6]])
    watermark.value = 7
    assert.deepEqual([reports.isDue(398), take(398)], [false, []])
    assert.deepEqual([reports.isDue(399), take(399)], [true, [['watermark', 7]]])
  })

  test('the end of the run at once, and alone: no data comes after it', () => {
    const { watermark, reports, take } = bed()
    watermark.value = 5
    take(0)
    watermark.value = endOfTime
    assert.deepEqual([reports.isDue(1), take(1)], [true, [['end-of-run', endOfTime]]])
    assert.deepEqual([reports.isDue(1000), take(1000)], [false, []])
  })

  test('idleness at once; what moves by the clock alone not before there is data', () => {
    const { watermark, state, reports, take } = bed()
    watermark.value = 5
    take(0)
    watermark.isIdle = true
    assert.deepEqual([reports.isDue(1), take(1)], [true, [['idle', Number.NEGATIVE_INFINITY]]])
    watermark.isIdle = false
    assert.deepEqual(
      reports.awaken(2).map(({ control }) => kindAndTime(control)),
      [['watermark', 5]],
    )
    state.isDrifting = true
    watermark.value = 600
    assert.equal(reports.isDue(1000), false)
    assert.deepEqual(take(1000, true), [['watermark', 600]])
  })
})
