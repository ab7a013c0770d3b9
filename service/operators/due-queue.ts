/** Keys in the order in which they are due, then in that of their bytes. */
import type { Entry } from '../state/state-view.ts'

export interface DueKey {
  readonly due: number
  readonly entry: Entry
}

/** A binary heap. */
export class DueQueue {
  readonly #heap: DueKey[] = []

  get first(): DueKey | undefined {
    return this.#heap.length === 0 ? undefined : this.#heap[0]
  }

  push(added: DueKey): void {
    const heap = this.#heap
    let at = heap.length
    for (let parent = (at - 1) >> 1; at > 0; parent = (at - 1) >> 1) {
      const above = heap[parent]
      if (above === undefined || !isBefore(added, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = added
  }

  shift(): void {
    const heap = this.#heap
    const moved = heap.pop()
    if (moved === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const child = this.#lesserChild(at)
      const below = heap[child]
      if (below === undefined || !isBefore(below, moved)) break
      heap[at] = below
      at = child
    }
    heap[at] = moved
  }

  clear(): void {
    this.#heap.length = 0
  }

  #lesserChild(at: number): number {
    const left = 2 * at + 1
    const [a, b] = [this.#heap[left], this.#heap[left + 1]]
    return a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left
  }
}

function isBefore(a: DueKey, b: DueKey): boolean {
  return a.due === b.due ? a.entry.key < b.entry.key : a.due < b.due
}
