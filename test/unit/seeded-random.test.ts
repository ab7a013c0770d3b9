import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../service/seeded-random.ts'

const sequence = (seed: number) => Array.from({ length: 1_000 }, seededRandom(seed))

test('equal seeds give equal sequences, others others, all in [0, 1)', () => {
  assert.deepEqual(sequence(7), sequence(7))
  assert.notDeepEqual(sequence(7), sequence(8))
  for (const seed of [0, 1, -1, 2 ** 31]) {
    const numbers = sequence(seed)
    assert.ok(numbers.every((number) => number >= 0 && number < 1))
    assert.ok(Math.abs(numbers.reduce((sum, number) => sum + number, 0) / numbers.length - 0.5) < 0.05)
  }
})
