/** What a worker waits for at present, told when it changes: the reasons of the health pages. */
import type { Clock } from '../clock.ts'
import type { TaskId } from '../task-id.ts'
import type { Wait, WaitingFor } from './seam.ts'

/** So many are told; with more, one cause is behind most of them. */
const toldMax = 50
const detailCharactersMax = 400

/** What may have to be waited for. It is waited for from the first `tell` to `end`, and again from the next. */
export interface PossibleWait {
  /** What is awaited and why, as the end of a sentence that begins with a worker or a task. `since`: wall clock, ms; default now. */
  tell(detail: string, since?: number): void
  end(): void
}

export class Waits {
  readonly #clock: Clock
  readonly #changed: (waits: readonly Wait[]) => void
  readonly #open = new Map<PossibleWait, Wait>()

  /** `changed` gets all there are, the oldest first, at most 50. */
  constructor(clock: Clock, changed: (waits: readonly Wait[]) => void = () => {}) {
    this.#clock = clock
    this.#changed = changed
  }

  /** Those that are not over, the oldest first, at most 50. */
  get told(): readonly Wait[] {
    return [...this.#open.values()].slice(0, toldMax)
  }

  for(waitingFor: WaitingFor, task: TaskId | null = null): PossibleWait {
    const possible: PossibleWait = {
      tell: (text, began = this.#clock.now()) => {
        const detail = text.slice(0, detailCharactersMax)
        const before = this.#open.get(possible)
        if (before?.detail === detail) return
        this.#open.set(possible, { waitingFor, task, since: before?.since ?? began, detail })
        this.#changed(this.told)
      },
      end: () => {
        if (this.#open.delete(possible)) this.#changed(this.told)
      },
    }
    return possible
  }
}
