/** Transactions that take their time: too much of it, on a slow line; and a stranger's on the input, which nobody ends for a while. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLong } from '../support/chaos.ts'
import { type ChaosTopology, parts } from '../support/checker/answers.ts'
import { goOn, ProxiedStage } from '../support/proxy/proxied-stage.ts'
import { noKafka, servers } from '../support/servers.ts'
import { openTransaction } from '../support/stranger.ts'

const topologies: readonly ChaosTopology[] = isLong ? ['copy', 'running', 'windowed', 'sessions'] : ['copy', 'running']
const transactionTimeoutMs = 4_000
/** To the brokers, of each connection. */
const bytesPerSecond = 20_000
/** As one batch they take several times as long as a transaction may. */
const backlog = isLong ? 30_000 : 10_000
const recordsPerSecond = 200
const strangers = isLong ? 3 : 1
/** A generous guess at what a record costs on that line: its output, its way through a repartition topic, its state. */
const bytesOfRecord = 250
/** On a machine that has much else to do. */
const withinMs = 120_000

for (const topology of topologies) {
  test(`slow: ${topology}`, { skip: noKafka }, async (test) => {
    const { redisUrl } = await servers()
    const proxied = await ProxiedStage.set({
      test,
      name: `slow-${topology}`,
      topology,
      redis: parts[topology].stores.length > 0 ? redisUrl : null,
      workers: ['a'],
      flags: { 'kafka-transaction-timeout-ms': transactionTimeoutMs },
    })
    const { stage } = proxied
    await stage.input.send(backlog)
    await proxied.scenario('transactions longer than their time-out', () => sendSlowly(proxied))
    stage.flow(recordsPerSecond)
    await goOn(stage)
    for (let i = 0; i < strangers; i++)
      await proxied.scenario('an open transaction of a stranger on the input', () => waitForStranger(proxied))
    await stage.finish()
  })
}

/** What is too large for the line is given up, and made again in smaller parts. */
async function sendSlowly(proxied: ProxiedStage): Promise<string> {
  const { stage } = proxied
  const worker = proxied.worker(0)
  worker.kafka.weather({ bytesPerSecond, direction: 'to-broker' })
  stage.start()
  const { total } = stage.input
  await stage.until(
    () => stage.processed >= total,
    'all that was sent is processed',
    (total * bytesOfRecord * 1000) / bytesPerSecond,
  )
  worker.kafka.weather({})
  const shrunk = worker.process.errors.split('smaller batches').length - 1
  assert.ok(shrunk > 0, 'batches have become smaller')
  return `batches became smaller ${shrunk} times`
}

/** Nothing behind it is read, and nothing of it is skipped; who is waited for, health says. */
async function waitForStranger(proxied: ProxiedStage): Promise<string> {
  const { stage } = proxied
  const worker = proxied.worker(0)
  const [partition, transactionalId] = [0, `${stage.application}-stranger`]
  const stranger = await openTransaction(stage.brokers, { transactionalId, topic: stage.inputTopic, partition })
  const reasons = async () =>
    (await worker.process.health())?.reasons.filter(({ waitingFor }) => waitingFor === 'transaction') ?? []
  const isToldOf = async () => (await reasons()).some(({ detail }) => detail.includes(transactionalId))
  await stage.until(isToldOf, 'health tells whose transaction it waits for', withinMs)
  const [reason] = await reasons()
  const stable = Number(/is blocked at the last stable offset (\d+) by/.exec(reason?.detail ?? '')?.[1])
  assert.ok(stable >= 0, reason?.detail)
  assert.equal(reason?.effect, 'delayed')
  await stage.processes(recordsPerSecond)
  const committed = async () => (await stage.admin.committed(stage.application, stage.inputTopic))[partition] ?? 0
  assert.ok((await committed()) <= stable, 'nothing behind the open transaction is processed')
  await stranger.abort()
  await stage.until(async () => (await reasons()).length === 0, 'health has nothing more to say of it', withinMs)
  await goOn(stage)
  assert.ok((await committed()) > stable)
  return `waited: ${reason?.detail.replace(stage.application, '<application>')}`
}
