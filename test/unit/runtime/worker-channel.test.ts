/** P17: a worker thread that dies is noticed, once; nothing is respawned. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FromWorker } from '../../../service/runtime/seam.ts'
import { threadChannel } from '../../../service/runtime/worker-channel.ts'

const thread = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`)

/** The last message of a thread that runs this. */
function lastOf(source: string): Promise<FromWorker> {
  return new Promise((resolve) => {
    threadChannel(thread(source), null, resolve)
  })
}

describe('P17: a worker thread', () => {
  const deaths = {
    'throws outside of its loop': { source: 'setImmediate(() => { throw new Error("boom") })', says: /died: Error: boom/ },
    'leaves a rejection unhandled': { source: 'Promise.reject(new Error("boom"))', says: /died: Error: boom/ },
    'exits by itself': { source: 'process.exit(3)', says: /ended with code 3/ },
    'has nothing left to do': { source: '', says: /ended with code 0/ },
  } as const
  for (const [what, { source, says }] of Object.entries(deaths)) {
    test(`that ${what} is a fault with exit code 1`, async () => {
      const message = await lastOf(source)
      assert.ok(message.kind === 'fatal')
      assert.match(message.message, says)
      assert.equal(message.exitCode, 1)
    })
  }

  test('that was stopped, or is ended by us, is none', async () => {
    const received: FromWorker[] = []
    const stopped = "import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ kind: 'stopped' })"
    const own = threadChannel(thread(stopped), null, (message) => void received.push(message))
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await own.terminate()
    const other = threadChannel(thread('setInterval(() => {}, 1000)'), null, (message) => void received.push(message))
    await other.terminate()
    assert.deepEqual(received, [{ kind: 'stopped' }])
  })

  test('that is blocked holds up neither the thread of the memberships nor its own end', async () => {
    const received: FromWorker[] = []
    const blocked =
      "import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ kind: 'ready' }); setImmediate(() => { for (;;); })"
    const channel = threadChannel(thread(blocked), null, (message) => void received.push(message))
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await channel.terminate()
    assert.deepEqual(received, [{ kind: 'ready' }])
  })
})
