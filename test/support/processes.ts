/** What tests ask about processes, and how they wait for a condition. */
import { setTimeout as delay } from 'node:timers/promises'

/** Whether a process with this id exists and is no zombie of its parent's. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (ignored) {
    // ESRCH: there is no such process.
    return false
  }
}

/** Polls until the condition holds. @throws Error naming what was waited for */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s, but not: ${what}`)
    await delay(20)
  }
}
