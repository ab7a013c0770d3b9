/** Which bucket of a store a key waits in until its first window can close. */

/** A bucket spans at most 1/256 of the time that is still to pass when a key is put in, and 4 minutes: about 2^18 ms. */
const partsMax = 2 ** 8
const spanMax = 2 ** 18

/**
 * A whole number from `watermark` to `due`, and so a time that passes before `due` does: the bucket finds the key in time, or too early,
 * and then it is put into a narrower one. However the dues are spread, a store so has some hundred buckets, and a key is moved two
 * or three times before it is due, not at all where its windows close within the batch.
 */
export function dueBucket(due: number, watermark: number): number {
  const span = Math.min((due - watermark) / partsMax, spanMax)
  if (span < 2) return due
  const grain = 2 ** Math.floor(Math.log2(span))
  return Math.floor(due / grain) * grain
}
