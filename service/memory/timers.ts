/** Named alarms on a Clock, as a broker keeps them: set again under the same name, the earlier one is void. */
import type { Clock } from '../clock.ts'

export class Timers {
  readonly #clock: Clock
  readonly #running = new Map<string, AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `action` after `ms`, unless the name is set again or cancelled before. */
  set(name: string, ms: number, action: () => void): void {
    this.cancel(name)
    const alarm = new AbortController()
    this.#running.set(name, alarm)
    void this.#clock.sleep(ms, alarm.signal).then(() => {
      if (alarm.signal.aborted) return
      this.#running.delete(name)
      action()
    })
  }

  cancel(name: string): void {
    const alarm = this.#running.get(name)
    alarm?.abort(alarm)
    this.#running.delete(name)
  }

  cancelAll(): void {
    for (const alarm of this.#running.values()) alarm.abort(alarm)
    this.#running.clear()
  }
}
