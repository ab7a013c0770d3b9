/** The wall clock jumps an hour forward, and back: what goes by event time doesn't notice. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import { fakedClock, noFaketime } from '../support/faketime.ts'
import { noKafka, servers } from '../support/servers.ts'

for (const topology of isLong ? (['running', 'windowed', 'sessions'] as const) : (['windowed', 'sessions'] as const)) {
  test(`the clock jumps an hour forward and back, ${topology}`, { skip: noKafka || noFaketime }, async (test) => {
    const { redisUrl: redis } = await servers()
    const directory = mkdtempSync(join(tmpdir(), 'caudal-clock-'))
    test.after(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'offset')
    const jump = (offset: string) => writeFileSync(file, `${offset}\n`)
    jump('+0')
    // Of one worker alone: they don't agree about the time, either.
    const stage = await ChaosStage.set({
      test,
      name: 'clock',
      topology,
      redis,
      workers: ['a', 'b'],
      environmentOf: (index) => (index === 0 ? fakedClock(file) : {}),
    })
    stage.start()
    stage.flow(1_000)
    await stage.settled()
    await stage.processes(1_000)
    for (const offset of isLong ? ['+3600', '+0', '-3600', '+0', '+3600', '-3600', '+0'] : ['+3600', '-3600', '+0']) {
      jump(offset)
      await stage.processes(isLong ? 5_000 : 2_000)
    }
    // And across a restart: what was written by one clock is gone on with by another.
    await stage.workers[0]?.kill()
    jump('-3600')
    stage.start(0)
    await stage.processes(2_000)
    await stage.finish()
  })
}
