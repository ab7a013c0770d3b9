/** What `running.ts` makes of the integers of a key; its model folds with it too, from the input as Kafka has it. */

export interface Running {
  readonly count: number
  readonly sum: number
  readonly min: number | null
  readonly max: number | null
}

export const nothing: Running = { count: 0, sum: 0, min: null, max: null }

/** Up and down, so that neither extreme is simply the first or the last one. */
const standsFor = (n: number) => ((n * 7919) % 10_007) - 5_000

export function addTo({ count, sum, min, max }: Running, n: number): Running {
  const x = standsFor(n)
  return { count: count + 1, sum: sum + x, min: Math.min(min ?? x, x), max: Math.max(max ?? x, x) }
}
