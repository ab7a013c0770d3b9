/** Calls that are still on their way from somebody who is gone, or has given them up. */
import type { Call } from './connection.ts'

export class LateCalls {
  /** By monotonic time, the earliest at which each arrives; the same call may be under way twice. */
  readonly #calls: { readonly call: Call; readonly from: number }[] = []

  get size(): number {
    return this.#calls.length
  }

  add(call: Call, from: number): void {
    this.#calls.push({ call, from })
  }

  due(now: number): readonly Call[] {
    return this.#calls.filter(({ from }) => from <= now).map(({ call }) => call)
  }

  delete(call: Call): void {
    this.#calls.splice(
      this.#calls.findIndex((late) => late.call === call),
      1,
    )
  }
}
