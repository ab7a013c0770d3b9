import assert from 'node:assert/strict'
import { ConfigurationError } from '../../../service/errors.ts'

/** What is not allowed is refused where it is written, with a sentence. */
export const refused = (make: () => unknown, sentence: RegExp) =>
  assert.throws(make, (error) => error instanceof ConfigurationError && sentence.test(error.message), String(sentence))
