/** A trigger that opens by hand, one batch at a time: for the driver. */
import type { Trigger } from './trigger.ts'

export class Gate implements Trigger {
  #open: (() => void) | null = null

  /** True while a worker waits here for its next batch. */
  get waiting(): boolean {
    return this.#open !== null
  }

  async wait({ signal }: Parameters<Trigger['wait']>[0]): Promise<void> {
    const opened = Promise.withResolvers<void>()
    this.#open = opened.resolve
    const interrupt = () => opened.resolve()
    signal.addEventListener('abort', interrupt, { once: true })
    if (signal.aborted) opened.resolve()
    await opened.promise
    signal.removeEventListener('abort', interrupt)
    this.#open = null
  }

  /** Lets the waiting worker run one batch. */
  open(): void {
    const open = this.#open
    this.#open = null
    open?.()
  }
}
