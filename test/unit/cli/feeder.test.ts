import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import type { KeyedText } from '../../../service/cli/dev-kafka.ts'
import { Feeder } from '../../../service/cli/feeder.ts'
import { ConnectionError } from '../../../service/errors.ts'
import { silentLog } from '../../../service/log.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'

function open(append: (records: readonly KeyedText[]) => number) {
  const clock = new ManualClock(0)
  const kafka = { append: async (_topic: string, records: readonly KeyedText[]) => append(records) }
  const now = () => 7 * clock.monotonic()
  const feeder = new Feeder({ kafka, clock, now, log: silentLog, seed: 1, perSecond: 200 })
  const run = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      await turn()
      clock.advanceMonotonic(50)
    }
    await turn()
  }
  return { feeder, run, clock }
}

test('the rate is kept', async () => {
  const { feeder, run } = open((records) => records.length)
  feeder.start()
  await run(2_000)
  assert.equal(feeder.sent, 400)
  await feeder.stop()
})

test('purchases have the time that is given, and so have their records', async () => {
  const sent: KeyedText[] = []
  const { feeder, run } = open((records) => sent.push(...records))
  feeder.start()
  await run(1_000)
  await feeder.stop()
  // Twenty ticks of ten purchases, each over 350 ms of that time.
  assert.deepEqual(
    sent.map(({ timestamp }) => timestamp),
    sent.map((_, index) => 35 * (index + 1)),
  )
  for (const { value, timestamp } of sent)
    assert.ok(Date.parse((JSON.parse(value) as { readonly invoiceDate: string }).invoiceDate) <= timestamp)
})

test('a broker that is away is tried again, and only what it took is counted', async () => {
  let away = true
  const { feeder, run } = open((records) => {
    if (away) throw new ConnectionError('away')
    return records.length
  })
  feeder.start()
  await run(1_000)
  assert.equal(feeder.sent, 0)
  away = false
  await run(1_000)
  assert.equal(feeder.sent, 200)
  await feeder.stop()
})

test('a long pause is not made up for in one go', async () => {
  let most = 0
  const { feeder, run, clock } = open((records) => {
    most = Math.max(most, records.length)
    return records.length
  })
  feeder.start()
  await run(100)
  clock.advanceMonotonic(3_600_000)
  await run(100)
  assert.equal(most, 1_000)
  await feeder.stop()
})
