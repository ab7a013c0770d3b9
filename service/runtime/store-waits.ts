/** Tells which store partitions wait with committed changes for a state backend that is away. */
import type { StoreId } from '../state/store-backend.ts'
import type { PossibleWait, Waits } from './waits.ts'

export class StoreWaits {
  readonly #waits: Waits
  readonly #away = new Map<string, PossibleWait>()

  constructor(waits: Waits) {
    this.#waits = waits
  }

  /** For the apply queue: the backend of that store is away, or with null no longer awaited. */
  readonly onAway = ({ store, partition }: StoreId, error: Error | null): void => {
    const key = `${store} ${partition}`
    const wait = this.#away.get(key) ?? this.#waits.for('store')
    if (error === null) {
      wait.end()
      this.#away.delete(key)
    } else {
      this.#away.set(key, wait)
      wait.tell(storeAway(`${store} of partition ${partition}`, error))
    }
  }
}

/** How the health pages say that a store waits for its backend. */
export const storeAway = (store: string, error: Error): string =>
  `the state backend is unreachable, store ${store} waits: ${error.message}`
