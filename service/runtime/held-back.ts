/** Tells, while a task is being taken, whose open transaction it has to see the end of. */
import type { OpenTransaction } from '../kafka/hanging-transactions.ts'
import type { TaskId } from '../task-id.ts'
import type { PossibleWait, Waits } from './waits.ts'

export class HeldBack {
  readonly #wait: PossibleWait
  readonly #what: string

  /** `what` is held back: the beginning of a sentence. */
  constructor({ waits }: { readonly waits: Waits }, { id, what }: { readonly id: TaskId; readonly what: string }) {
    this.#wait = waits.for('transaction', id)
    this.#what = what
  }

  /** By these; by none where the end of the last is on its way. */
  by(open: readonly OpenTransaction[]): void {
    if (open.length === 0) this.#wait.end()
    else this.#wait.tell(`${this.#what} wait for the end of the transaction of ${ownersOf(open)}`)
  }

  end(): void {
    this.#wait.end()
  }
}

const namedMax = 3

/** Whose transactions these are, for a sentence that says what they hold back. */
export function ownersOf(open: readonly OpenTransaction[]): string {
  const named = open
    .slice(0, namedMax)
    .map(({ producerId, transactionalId, state }) => `producer ${producerId} (${nameOf(transactionalId, state)})`)
  return named.join(' and ') + (open.length > namedMax ? ` and ${open.length - namedMax} more` : '')
}

const nameOf = (transactionalId: string | null, state: OpenTransaction['state']): string =>
  transactionalId === null
    ? 'known to no coordinator: find it with kafka-transactions.sh find-hanging, and end it with its abort'
    : `transactional id ${transactionalId}, ${state}`
