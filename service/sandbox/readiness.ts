/** Waits until a local server is up. */
import { connect } from 'node:net'
import { systemClock } from '../clock.ts'
import { FatalError, StoppedError } from '../errors.ts'
import { type GuardedProcess, logTail } from './guarded-processes.ts'

const intervalMs = 25
const progressIntervalMs = 5_000

export interface Readiness {
  /** For messages: `Kafka`, `Redis`. */
  readonly name: string
  readonly ready: () => Promise<boolean>
  readonly timeoutMs: number
  readonly progress: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Another process listens on the server's port: start again with another one. */
export class PortTakenError extends FatalError {}

/** Polls until the server answers. @throws PortTakenError; FatalError with the end of its log when it ended or takes too long; StoppedError */
export async function untilReady(server: GuardedProcess, { name, ready, timeoutMs, progress, signal }: Readiness): Promise<void> {
  const begin = systemClock.monotonic()
  let toldAt = begin
  while (!(await ready())) {
    if (signal?.aborted) throw new StoppedError(`stopped while ${name} started`)
    const now = systemClock.monotonic()
    if (server.end !== null) throw notReady(`${name} ended while it started (${server.end})`, server)
    if (now - begin > timeoutMs) throw notReady(`${name} is not up after ${timeoutMs / 1000} s`, server)
    if (now - toldAt > progressIntervalMs) {
      toldAt = now
      progress(`starting ${name}: ${Math.round((now - begin) / 1000)} s so far`)
    }
    await systemClock.sleep(intervalMs, signal)
  }
}

function notReady(sentence: string, { log }: GuardedProcess): FatalError {
  const tail = logTail(log)
  const Failure = /address (already )?in use/i.test(tail) ? PortTakenError : FatalError
  return new Failure(`${sentence}; the end of its log:\n${tail}`, { fields: { log } })
}

/** Whether a connection to the port is accepted and, where `say` is given, answered with something that contains `expect`. */
export const answers = (port: number, say?: string, expect = ''): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => done(false))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
    socket.once('connect', () => (say === undefined ? done(true) : socket.write(say)))
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString()
      if (answer.includes(expect)) done(true)
    })
  })
