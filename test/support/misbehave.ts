/** Code of a topology that does what it should not, when a record asks for it: see `Misdeed`. */
import { existsSync, writeFileSync } from 'node:fs'

/**
 * What a record with this number makes of the code that it comes to. Those that end with `Once` happen once, whatever process comes to it:
 * the file that TEST_MISDEED names tells that it has happened.
 */
export const misdeed = {
  throws: -1,
  throwsOnce: -2,
  givesUndefined: -3,
  givesHuge: -4,
  givesPromise: -5,
  hangsOnce: -6,
} as const

/** Larger than any topic takes that was not told to. */
const hugeCharacters = 3_000_000

/** Whether such a record has an answer in the end. */
export const hasAnswer = (number: number): boolean => number > 0 || number === misdeed.throwsOnce || number === misdeed.hangsOnce

export function misbehave(number: number): unknown {
  switch (number) {
    case misdeed.throws:
      throw new RangeError('thrown by the topology')
    case misdeed.throwsOnce:
      if (isFirst()) throw new RangeError('thrown by the topology, once')
      return number
    case misdeed.givesUndefined:
      return undefined
    case misdeed.givesHuge:
      return 'x'.repeat(hugeCharacters)
    case misdeed.givesPromise:
      return Promise.resolve(number)
    case misdeed.hangsOnce:
      if (isFirst()) for (;;);
      return number
    default:
      return number
  }
}

function isFirst(): boolean {
  const { TEST_MISDEED = '' } = process.env
  if (existsSync(TEST_MISDEED)) return false
  writeFileSync(TEST_MISDEED, 'done')
  return true
}
