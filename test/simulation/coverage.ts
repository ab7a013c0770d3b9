/** Which requests were sent, and which faults met them: a fault that never happens proves nothing. */

/** How often, by `<request>` and by `<request> <fault>`; the events under their own names. */
export type Coverage = Readonly<Record<string, number>>

export class CoverageCounts {
  readonly #counts = new Map<string, number>()

  count(...words: readonly string[]): void {
    const name = words.join(' ')
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  get counts(): Coverage {
    return Object.fromEntries(this.#counts)
  }
}

export function addUp(all: Iterable<Coverage>): Coverage {
  const sums: Record<string, number> = {}
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
