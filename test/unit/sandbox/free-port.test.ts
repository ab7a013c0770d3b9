/** Free ports are different, free, and outside the range of outgoing connections. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../../service/clock.ts'
import { freePorts } from '../../../service/sandbox/free-port.ts'

test('ports are different and below those of outgoing connections', async () => {
  const ports = await freePorts(20, systemClock)
  assert.equal(new Set(ports).size, 20)
  for (const port of ports) assert.ok(port >= 15_000 && port < 32_000, `${port}`)
})

test('a port that is taken is passed over', async () => {
  const [taken] = await freePorts(1, systemClock)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve))
  let draws = 0
  const drawsTheTakenOneFirst = {
    ...systemClock,
    random: () => (draws++ === 0 ? ((taken ?? 0) - 15_000) / 17_000 + 1e-9 : systemClock.random()),
  }
  const [free] = await freePorts(1, drawsTheTakenOneFirst)
  server.close()
  assert.notEqual(free, taken)
  assert.ok(draws >= 2)
})
