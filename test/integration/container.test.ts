/** The image and the compose file on a Docker engine: small, not root, read-only, stopped cleanly; windows close, also when a replica dies. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { missingForDocker, startContainers } from '../../service/sandbox/docker-sandbox.ts'
import { compose, docker, images, inspect, noDocker } from '../support/docker.ts'
import { KafkaAdmin } from '../support/kafka-admin.ts'
import { until } from '../support/processes.ts'

const image = 'caudal:test'
const patienceMs = 120_000
const graceMs = 20_000
const application = 'hourly-purchases'

/** Started in the background; removed when the test is over. */
async function container(...args: readonly string[]): Promise<string> {
  const id = await docker('run', '--detach', ...args)
  after(() => docker('rm', '--force', '--volumes', id))
  return id
}

/** How it ended, and after how long, ms. */
async function stop(id: string): Promise<{ readonly code: string; readonly tookMs: number }> {
  const since = performance.now()
  await docker('stop', '--time', `${graceMs / 1000}`, id)
  return { code: await inspect(id, '.State.ExitCode'), tookMs: performance.now() - since }
}

suite('containers', { skip: noDocker }, () => {
  // A build step reaches the registry by the network of the host, on an engine without one of its own too.
  before(() => docker('build', '--network', 'host', '--tag', image, '.'))

  test('the image runs as nobody in particular, on a read-only file system, without a package manager', async (t) => {
    const size = Number(await inspect(image, '.Size'))
    const base = Number(await inspect(images.node, '.Size'))
    t.diagnostic(`${Math.round(size / 1e6)} MB, of which the base image has ${Math.round(base / 1e6)}`)
    assert.match(await docker('run', '--rm', '--read-only', '--cap-drop', 'ALL', image, '--version'), /^\d+\.\d+\.\d+$/)
    const look = 'id -u; for c in npm npx yarn gcc make python3 curl; do command -v $c; done; ls /caudal/node_modules'
    const found = await docker('run', '--rm', '--entrypoint', 'sh', image, '-c', look)
    const [user, ...rest] = found.split('\n')
    assert.equal(user, '1000')
    assert.deepEqual(
      rest.filter((line) => line.startsWith('/')),
      [],
      'tools that do not belong there',
    )
    for (const name of ['typescript', 'testcontainers', 'node']) assert.ok(!rest.includes(name), `${name} is for development`)
    assert.ok(rest.includes('kafkajs'))
    assert.match(await inspect(image, '.Config.Labels'), /org\.opencontainers\.image\.version:\d/)
  })

  test('a topology of one’s own is mounted, and imports caudal by its name', async () => {
    const file = `import { json, stream, topology } from 'caudal'
export default topology('copy', stream('in', { value: json<number>() }).to('out', { value: json() }))
`
    const id = await container('--network', 'none', '--entrypoint', 'sleep', image, '60')
    await docker('exec', '--user', 'root', id, 'sh', '-c', `cat > /topologies/copy.ts <<'END'\n${file}END`)
    assert.match(await docker('exec', id, 'node', '/caudal/service/main.ts', 'describe', '/topologies/copy.ts'), /copy/)
  })

  test('it stops cleanly while it waits for its brokers, and just after it was started', async () => {
    const words = ['run', `/topologies/${application}.ts`, '--kafka-brokers', '127.0.0.1:1']
    const start = () => container('--read-only', '--network', 'none', image, ...words)
    const waiting = await start()
    await until(async () => (await docker('logs', waiting)).includes('status: '), 'its first line')
    assert.equal((await stop(waiting)).code, '0')
    // Before it has read its configuration there is nothing to finish: the end is that of the signal.
    const { code, tookMs } = await stop(await start())
    assert.ok(code === '0' || code === '143', code)
    assert.ok(tookMs < graceMs, `it took ${tookMs} ms`)
  })

  test('compose: windows close on two replicas, on the one that is left, and on the one that came back', async (t) => {
    const [kafka = 0, first = 0, second = 0] = await freePorts(3, systemClock)
    const project = `caudaltest${process.pid}`
    const ports = { KAFKA_PORT: `${kafka}`, CAUDAL_PORT_1: `${first}`, CAUDAL_PORT_2: `${second}` }
    const environment = { CAUDAL_IMAGE: image, KAFKA_IMAGE: images.kafka, REDIS_IMAGE: images.redis, ...ports }
    const call = (...args: readonly string[]) => compose(project, environment, ...args)
    const id = async (service: string) => (await call('ps', '-q', service)).split('\n')[0] ?? ''
    t.after(() => call('down', '--volumes', '--timeout', '1'))
    const since = performance.now()
    await call('up', '--detach', '--no-build', 'generator')
    t.diagnostic(`up after ${((performance.now() - since) / 1000).toFixed(1)} s`)
    const admin = new KafkaAdmin([`127.0.0.1:${kafka}`])
    await admin.connect()
    t.after(() => admin.close())
    const rows = async () => (await admin.ends(application)).reduce((sum, end) => sum + end, 0)
    const moreRows = async (what: string) => {
      const seen = await rows()
      await until(async () => (await rows()) > seen + 20, `rows ${what}`, patienceMs)
    }
    await moreRows('of windows that closed on two replicas')
    assert.deepEqual([await tasksRunning(first), await tasksRunning(second)], [2, 2])
    assert.match(await page(first, '/metrics'), /^caudal_windows_closed_total\{.*\} [1-9]/m)

    await docker('kill', await id('caudal-1'))
    await until(async () => (await tasksRunning(second)) === 4, 'the other replica has all tasks', patienceMs)
    await moreRows('of windows that closed on the replica that is left')

    await docker('start', await id('caudal-1'))
    await until(async () => (await inspect(await id('caudal-1'), '.State.Health.Status')) === 'healthy', 'healthy', patienceMs)
    await until(async () => (await tasksRunning(first)) === 2, 'the replica that came back has tasks', patienceMs)
    await moreRows('of windows that closed on two replicas again')
    for (const service of ['caudal-1', 'caudal-2', 'generator']) {
      const { code, tookMs } = await stop(await id(service))
      t.diagnostic(`${service} stopped in ${tookMs.toFixed(0)} ms`)
      assert.equal(code, '0', await docker('logs', '--tail', '20', await id(service)))
      assert.ok(tookMs < graceMs, `${service} took ${tookMs} ms`)
    }
  })

  test('the sandbox brings up Kafka and Redis as containers, and removes them', async () => {
    assert.equal(await missingForDocker(), null)
    const label = 'label=caudal.sandbox.owner'
    const left = await docker('run', '--detach', '--label', `${label.slice(6)}=${hostname()}/2147483647`, images.redis)
    const sandbox = await startContainers({ progress: () => {} })
    try {
      const ids = (await docker('ps', '--all', '--quiet', '--filter', label)).split('\n')
      assert.equal(ids.length, 2)
      assert.ok(!ids.some((id) => left.startsWith(id)), 'what a process that is gone left behind is removed')
      const admin = new KafkaAdmin(sandbox.kafkaBrokers)
      await admin.connect()
      await admin.createTopics({ made: 2 })
      assert.ok((await admin.topics()).includes('made'))
      await admin.close()
      assert.match(sandbox.redisUrl, /^redis:\/\/[^:]+:\d+$/)
    } finally {
      await sandbox.stop()
    }
    assert.equal(await docker('ps', '--all', '--quiet', '--filter', label), '')
  })
})

async function page(port: number, path: string): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) })).text()
  } catch (ignored) {
    // It is starting, or has just been killed.
    return ''
  }
}

/** Of the one worker of a container, by its status page. */
async function tasksRunning(port: number): Promise<number> {
  const [, tasks, list = ''] = /^worker 0: .*, (\d+) tasks(.*)$/m.exec(await page(port, '/')) ?? []
  return Number(tasks ?? 0) - list.split(' (').length + 1
}
