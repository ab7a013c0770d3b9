/**
 * After Kafka's own system tests. As transactions_test: so many records in transactions of 750, brokers and workers bounced hard and clean
 * meanwhile, and somebody who reads along. As streams_eos_test: running count, sum, least and greatest of each key, and three rounds in which
 * every worker is killed.
 */
import { after, before, describe, test } from 'node:test'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import { type Bounce, KafkaCluster, noCluster } from '../support/cluster.ts'

const records = isLong ? 100_000 : 6_000
const perSecond = 1_000
const recordsATransaction = 750
const rounds = isLong ? 3 : 1

describe('bounced', { skip: noCluster }, () => {
  let cluster: KafkaCluster
  before(async () => {
    cluster = await KafkaCluster.start({ brokers: isLong ? 3 : 1 })
  })
  after(() => cluster.close())

  test(`${records} records in transactions of ${recordsATransaction}, brokers and workers bounced`, async (test) => {
    const { brokers, redisUrl: redis } = cluster
    const flags = { 'batch-records-max': recordsATransaction }
    const stage = await ChaosStage.set({ test, name: 'bounced', topology: 'copy', redis, brokers, flags, workers: ['a', 'b'] })
    stage.start()
    stage.flow(perSecond)
    const bounceWorker = async (how: Bounce, index: number) => {
      const worker = stage.workers[index]
      await (how === 'hard' ? worker?.kill() : worker?.stop())
      stage.start(index)
    }
    for (const how of ['clean', 'hard'] as const) {
      for (const [index, id] of cluster.ids.entries()) {
        await stage.processes(1_000, 180_000)
        await cluster.bounce(id, how)
        await bounceWorker(how, index % stage.workers.length)
      }
    }
    await stage.until(() => stage.input.total >= records, `${records} records are sent`, 600_000)
    await stage.finish()
  })

  test(`running figures over ${rounds} rounds in which every worker is killed`, async (test) => {
    const { brokers, redisUrl: redis } = cluster
    const stage = await ChaosStage.set({ test, name: 'rounds', topology: 'running', redis, brokers, workers: ['a', 'b', null] })
    stage.start()
    stage.flow(perSecond)
    for (let round = 0; round < rounds; round++) {
      for (const [index, worker] of stage.workers.entries()) {
        await stage.processes(isLong ? 5_000 : 500, 180_000)
        await worker.kill()
        stage.start(index)
      }
    }
    await stage.finish()
  })
})
