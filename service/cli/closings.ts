/** Says which windows have closed since it was last asked. */
import type { ClosedWindows } from './observation.ts'
import { count } from './view.ts'

export class Closings {
  readonly #told = new Map<string, number>()

  /** A line for each store in which windows have closed; `closed` is what has closed in all. */
  news(closed: readonly ClosedWindows[]): readonly string[] {
    return closed.flatMap(({ store, windows, end }) => {
      const more = windows - (this.#told.get(store) ?? 0)
      this.#told.set(store, windows)
      if (more <= 0) return []
      return `closed up to ${new Date(end).toISOString().slice(0, 19)}Z · ${store} · ${count(more)} final ${more === 1 ? 'row' : 'rows'}`
    })
  }
}
