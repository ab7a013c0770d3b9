/** Bad connections to brokers that are well: reset again and again, answers that never come, everything in pieces of one byte. */
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from '../../service/kafka/wire/messages.ts'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import type { ChaosTopology } from '../support/checker/answers.ts'
import { bringsOutput } from '../support/broker-faults.ts'
import { tellResult } from '../support/gaps.ts'
import { noKafka, servers } from '../support/servers.ts'

const topologies: readonly ChaosTopology[] = isLong ? ['copy', 'running', 'windowed', 'sessions'] : ['running']
const lostAnswers: readonly Api[] = ['Produce', 'TxnOffsetCommit', 'EndTxn', 'JoinGroup', 'Heartbeat']
const timesLost = isLong ? 3 : 1
const resetEveryMs = 2_000
const resets = isLong ? 30 : 5
const recordsInPieces = isLong ? 20_000 : 2_000
// What is not answered is waited for so long: in time for a test, and far longer than a busy machine takes.
const flags = { 'kafka-transaction-timeout-ms': 6_000, 'kafka-rebalance-timeout-ms': 6_000 }

/** Two workers, each behind a proxy of its own, at work. */
async function atWork(test: TestContext, topology: ChaosTopology): Promise<ChaosStage> {
  const { redisUrl: redis } = await servers()
  const stage = await ChaosStage.set({ test, name: 'wire', topology, redis, workers: ['a', 'b'], proxied: true, flags })
  stage.start()
  stage.flow(500)
  await bringsOutput(stage)
  return stage
}

for (const topology of topologies) {
  test(`${topology}: all connections are reset every two seconds`, { skip: noKafka }, async (test) => {
    const stage = await atWork(test, topology)
    for (let times = 0; times < resets; times++) {
      // Between two batches a reset would be no more than another connection.
      const late = stage.proxies.map((proxy) =>
        proxy.plan({ api: 'Produce', at: 'answer', nth: 1, does: { kind: 'delay', ms: 1_000 } }),
      )
      await stage.until(() => late.some(({ isHit }) => isHit), 'a batch is under way')
      for (const proxy of stage.proxies) proxy.reset()
      for (const planned of late) planned.cancel()
      await delay(resetEveryMs)
    }
    await bringsOutput(stage)
    await stage.finish()
  })

  test(`${topology}: answers never come, of each kind in turn`, { skip: noKafka }, async (test) => {
    const stage = await atWork(test, topology)
    for (const api of lostAnswers) {
      const lostAt = Date.now()
      const [, proxy] = stage.proxies
      const lost = proxy?.plan({ api, at: 'answer', nth: 1, times: timesLost, does: { kind: 'drop' } })
      // A join is asked for by a member that comes anew.
      if (api === 'JoinGroup') {
        await stage.workers[1]?.stop()
        stage.start(1)
      }
      await stage.until(() => lost?.isHit === true, `an answer to ${api} is lost`)
      await stage.settled(120_000)
      await bringsOutput(stage)
      const longestGapMs = stage.gapSince(lostAt)
      test.diagnostic(`no answer to ${api}: longest gap in committed output ${(longestGapMs / 1000).toFixed(1)} s`)
      const scenario = `no answer to ${api}, ${timesLost} times (${topology})`
      tellResult({ scenario, brokers: stage.brokers.length, outcome: 'goes on', longestGapMs })
    }
    await stage.finish()
  })

  test(`${topology}: everything comes in pieces of one byte`, { skip: noKafka }, async (test) => {
    const stage = await atWork(test, topology)
    for (const proxy of stage.proxies) proxy.weather({ chunkBytes: 1 })
    await stage.processes(recordsInPieces, 300_000)
    for (const proxy of stage.proxies) proxy.weather({})
    await stage.finish()
  })
}
