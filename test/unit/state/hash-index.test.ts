/** Against a list, with hashes that collide, stand beside one another and wrap around the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HashIndex } from '../../../service/state/hash-index.ts'

const hash = fc.oneof(fc.constantFrom(0, 1, 2, 14, 15, 16, 17, 31, -1, -2, -16), fc.integer())

function numbersOf(index: HashIndex, of: number): readonly number[] {
  const numbers: number[] = []
  for (let slot = index.first(of); slot >= 0; slot = index.next(of, slot)) numbers.push(index.numberAt(slot))
  return numbers.toSorted((a, b) => a - b)
}

function slotOf(index: HashIndex, of: number, number: number): number {
  let slot = index.first(of)
  while (index.numberAt(slot) !== number) slot = index.next(of, slot)
  return slot
}

test('finds all numbers of a hash, whatever was removed in between', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(hash, fc.nat(3)), { maxLength: 200, size: 'max' }), (steps) => {
      const index = new HashIndex()
      const model: { readonly hash: number; readonly number: number }[] = []
      for (const [number, [of, chance]] of steps.entries()) {
        const victim = chance === 0 ? model.splice(number % Math.max(1, model.length), 1)[0] : undefined
        if (victim !== undefined) index.remove(slotOf(index, victim.hash, victim.number))
        else {
          index.add(of, number)
          model.push({ hash: of, number })
        }
      }
      for (const [of] of steps) {
        const wanted = model.filter((each) => each.hash === of).map((each) => each.number)
        assert.deepEqual(numbersOf(index, of), wanted)
      }
    }),
  ))

test('holds nothing once it was cleared', () => {
  const index = new HashIndex()
  for (let number = 0; number < 100; number++) index.add(number, number)
  index.clear()
  for (let number = 0; number < 100; number++) assert.equal(index.first(number), -1)
})
