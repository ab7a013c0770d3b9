/** How tests wait for several workers at once, and what a failure says of them. */
import { until } from './processes.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Waits for a condition, while no worker ends unasked. A failure says how they are, and what they logged last. */
export async function untilWithWorkers(
  workers: readonly WorkerProcess[],
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs: number,
): Promise<void> {
  const ended = () => workers.some(({ isFallen }) => isFallen)
  try {
    await until(async () => ended() || (await condition()), what, timeoutMs)
    if (ended()) throw new Error(`a worker has ended by itself, waiting for: ${what}`)
  } catch (error) {
    throw new Error(`${String(error)}\n${await healthOf(workers)}\n${logsOf(workers)}`, { cause: error })
  }
}

/** What each worker that is alive says of itself. */
async function healthOf(workers: readonly WorkerProcess[]): Promise<string> {
  const line = async (worker: WorkerProcess, index: number) =>
    worker.isAlive ? `health of worker ${index}: ${JSON.stringify(await worker.health())}` : `worker ${index} is not alive`
  return (await Promise.all(workers.map(line))).join('\n')
}

/** How each has ended, and the end of its log. */
export function logsOf(workers: readonly WorkerProcess[]): string {
  return workers.map((worker, index) => `worker ${index} (${JSON.stringify(worker.ending)}):\n${worker.tail()}`).join('\n')
}
