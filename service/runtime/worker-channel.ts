/** The two ways to a worker: a thread of its own, or the thread that asks. */
import { Worker as Thread } from 'node:worker_threads'
import type { FromWorker } from './seam.ts'
import type { WorkerChannel } from './seat.ts'
import { Worker } from './worker.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A worker in its own thread; `entry` is the file that the thread runs, `workerData` what it is given. */
export function threadChannel(entry: URL, workerData: unknown, receive: (message: FromWorker) => void): WorkerChannel {
  const thread = new Thread(entry, { workerData })
  let ended = false
  const died = (what: string) => {
    if (!ended) receive(fatal('thread', what))
    ended = true
  }
  thread.on('message', (message: FromWorker) => {
    if (message.kind === 'stopped') ended = true
    receive(message)
  })
  thread.on('error', (error) =>
    died(`the worker thread died: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  )
  thread.on('exit', (code) => died(`the worker thread ended with code ${code}`))
  return {
    post: (message) => thread.postMessage(message),
    terminate: async () => {
      ended = true
      await thread.terminate()
    },
  }
}

/** A worker in this thread, for the driver and the simulation. `sever` cuts its connections, so that nothing of it takes effect any more. */
export function localChannel(
  parts: Omit<WorkerParts, 'post'>,
  receive: (message: FromWorker) => void,
  sever: () => Promise<void>,
): WorkerChannel {
  const worker = new Worker({ ...parts, post: receive })
  const done = runToEnd(worker, receive)
  return {
    post: (message) => worker.deliver(message),
    terminate: async () => {
      await sever()
      worker.deliver({ kind: 'stop', deadlineMs: 0 })
      await done
    },
  }
}

/** Runs a worker; a fault that ends it becomes its last message. */
export async function runToEnd(worker: { run(): Promise<void> }, post: (message: FromWorker) => void): Promise<void> {
  try {
    await worker.run()
  } catch (error) {
    post(fault(error))
  }
}

/** The last message of a worker that a fault has ended. */
export function fault(error: unknown): FromWorker {
  if (!(error instanceof Error)) return fatal('unknown', String(error))
  const code = 'code' in error ? String(error.code) : 'defect'
  const message = code === 'defect' ? `a defect of caudal: ${error.stack ?? error.message}` : error.message
  return { ...fatal(code, message), exitCode: code === 'configuration' ? 2 : 1 }
}

const fatal = (code: string, message: string): Extract<FromWorker, { kind: 'fatal' }> => ({
  kind: 'fatal',
  code,
  message,
  where: '',
  exitCode: 1,
})
