/** What a Redis is spoken to in: TLS to every server where the URL asks for it, sentinels and what they name included. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../../service/clock.ts'
import { silentLog } from '../../../service/log.ts'
import { RedisStoreBackend } from '../../../service/state/redis-store.ts'

const handshake = 0x16

for (const [scheme, path] of [
  ['rediss', ''],
  ['rediss-cluster', ''],
  ['rediss-sentinel', '/main'],
] as const) {
  test(`${scheme}: the first that is sent begins a handshake, and not a login`, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        server.emit('spoken', bytes)
        socket.destroy()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const spoken = once(server, 'spoken')
    const url = `${scheme}://:secret@127.0.0.1:${(server.address() as AddressInfo).port}${path}`
    const backend = new RedisStoreBackend({ url, log: silentLog, clock: systemClock, commandTimeoutMs: 500 })
    // Sentinels are asked for as long as the client is open.
    void backend.connect().catch(() => {})
    try {
      const [bytes] = (await spoken) as [Buffer]
      assert.equal(bytes[0], handshake, bytes.toString('latin1'))
    } finally {
      await backend.close()
      server.close()
    }
  })
}
