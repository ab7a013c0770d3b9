/** Input that no encoder made, for decoders: valid bytes with damage to them, as values, and the rule for what may come of it. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { seedOfRun } from './random.ts'

/** One damage. Places are of 2^16, so that they fit bytes of any length. */
export type Damage =
  | { readonly kind: 'flip'; readonly place: number; readonly bit: number }
  | { readonly kind: 'write' | 'insert'; readonly place: number; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly place: number; readonly length: number }
  | { readonly kind: 'cut'; readonly place: number }

const places = 2 ** 16
const place = fc.nat(places - 1)

/** Lengths and counts where decoders break: the least and largest numbers of each width, and varints that don't end. */
const extremes = (
  '00 01 7f 80 ff 7fff 8000 ffff 7fffffff 80000000 ffffffff fffffffe 00000000 7ffffff0 7fffffffffffffff 8000000000000000 ' +
  'ffffffffffffffff ffffffff0f feffffff0f ffffffffffffffffff01 ffffffffffffffffffffffff 7ff8000000000000 7ff0000000000000'
)
  .split(' ')
  .map((hex) => Buffer.from(hex, 'hex'))

const content = fc.oneof(fc.constantFrom<Uint8Array>(...extremes), fc.uint8Array({ minLength: 1, maxLength: 12 }))

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), place, bit: fc.nat(7) }),
  fc.record({ kind: fc.constantFrom('write' as const, 'insert' as const), place, bytes: content }),
  fc.record({ kind: fc.constant('remove' as const), place, length: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant('cut' as const), place }),
)

/** One damage to four. */
export const damages: fc.Arbitrary<readonly Damage[]> = fc.array(damage, { minLength: 1, maxLength: 4 })

/** A copy of `bytes` with damage done to it, from `from` on. */
export function damaged(bytes: Buffer, all: readonly Damage[], from = 0): Buffer {
  let result = Buffer.from(bytes)
  for (const one of all) {
    const at = from + Math.floor((one.place / places) * Math.max(1, result.length - from))
    switch (one.kind) {
      case 'flip':
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << one.bit)
        break
      case 'write':
        Buffer.from(one.bytes).copy(result, at)
        break
      case 'insert':
        result = Buffer.concat([result.subarray(0, at), one.bytes, result.subarray(at)])
        break
      case 'remove':
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + one.length)])
        break
      case 'cut':
        result = result.subarray(0, Math.max(from, at))
    }
  }
  return result
}

/** Bytes that are all chance. */
export const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

/** Far more than any decoder takes, on a machine that is busy; a loop without an end is ended by the phase. */
const slowMs = 20_000

/** Counts what came of inputs, so that a run tells whether both sides of a decoder were met. */
export class Outcomes {
  read = 0
  refused = 0

  /** What `decode` makes of its input, or null where it refuses it. Any other error than one that `isOurs` fails, and so does slowness. */
  of<T>(decode: () => T, isOurs: (error: Error) => boolean): T | null {
    const begin = performance.now()
    try {
      const result = decode()
      this.read += 1
      return result
    } catch (error) {
      assert.ok(
        error instanceof Error && isOurs(error),
        `not an error of ours: ${error instanceof Error ? error.stack : String(error)}`,
      )
      this.refused += 1
      return null
    } finally {
      const took = performance.now() - begin
      assert.ok(took < slowMs, `a decoder took ${took.toFixed(0)} ms`)
    }
  }

  /** At least one input was read and one refused, or the test says nothing. */
  tell(test: { diagnostic(message: string): void }): void {
    test.diagnostic(`${this.read + this.refused} inputs: ${this.read} read, ${this.refused} refused`)
    assert.ok(this.refused > 0, 'no input was refused')
  }
}

const numRuns = (byDefault: number): number => Number(process.env['CAUDAL_FUZZ_RUNS'] ?? byDefault)

/** Checks a property over so many inputs, or CAUDAL_FUZZ_RUNS; a failure tells the seed, which CAUDAL_SEED takes. */
export function fuzz<Inputs extends [unknown, ...unknown[]]>(
  runs: number,
  inputs: { readonly [I in keyof Inputs]: fc.Arbitrary<Inputs[I]> },
  check: (...inputs: Inputs) => void,
): void {
  fc.assert(fc.property(...(inputs as never as [fc.Arbitrary<unknown>]), check as never), {
    numRuns: numRuns(runs),
    seed: seedOfRun(),
    endOnFailure: false,
  })
}

/** So many inputs, or CAUDAL_FUZZ_RUNS, for checks that wait. */
export function samples<Inputs extends [unknown, ...unknown[]]>(
  runs: number,
  inputs: { readonly [I in keyof Inputs]: fc.Arbitrary<Inputs[I]> },
): readonly Inputs[] {
  const seed = seedOfRun()
  console.log(`# CAUDAL_SEED=${seed}`)
  return fc.sample(fc.tuple(...(inputs as never as [fc.Arbitrary<unknown>])) as never, { numRuns: numRuns(runs), seed })
}
