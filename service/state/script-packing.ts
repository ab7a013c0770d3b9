/** Keys and writes as one argument of a script, in MessagePack: a client's cost is by argument, so that thousands of them would cost more than Redis does. */
import type { EntryKey, StoreWrite } from './store-backend.ts'

export interface Packed {
  readonly packed: Buffer
  /** The buckets that occur, as hex digits, in the order of the targets 1, 2, … in `packed`. */
  readonly buckets: readonly string[]
}

/** Runs of keys of one target: the target (0 the keyed entries, n the n-th bucket), and the keys. */
export function packKeys(keys: readonly EntryKey[]): Packed {
  const targets = new Targets()
  const runs: Run[] = []
  let last: Run | undefined
  for (const { bucket, key } of keys) {
    const target = targets.of(bucket)
    if (last?.target !== target) runs.push((last = { command: null, target, fields: [] }))
    last.fields.push(key)
  }
  return { packed: packRuns(runs), buckets: targets.names() }
}

/** Runs of like writes to one target: the command, the target as above, and its fields, for HSET each with its value. */
export function packWrites(writes: readonly StoreWrite[]): Packed {
  const targets = new Targets()
  const runs: Run[] = []
  let last: Run | undefined
  for (const { bucket, key, value } of writes) {
    const target = targets.of(bucket)
    const command = value === null ? 'HDEL' : 'HSET'
    if (last?.target !== target || last.command !== command) runs.push((last = { command, target, fields: [] }))
    last.fields.push(key)
    if (value !== null) last.fields.push(value)
  }
  return { packed: packRuns(runs), buckets: targets.names() }
}

/** What becomes one command. */
interface Run {
  /** Null where only one is possible, which is left out then. */
  readonly command: 'HSET' | 'HDEL' | null
  readonly target: number
  readonly fields: Buffer[]
}

class Targets {
  readonly #numbers = new Map<string, number>()
  /** Neighbours mostly have one bucket, and then one object. */
  #last: Buffer | null = null
  #lastNumber = 0

  of(bucket: Buffer | null): number {
    if (bucket === null) return 0
    if (bucket === this.#last) return this.#lastNumber
    const name = bucket.toString('hex')
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#numbers.size + 1
      this.#numbers.set(name, number)
    }
    this.#last = bucket
    this.#lastNumber = number
    return number
  }

  names(): readonly string[] {
    return [...this.#numbers.keys()]
  }
}

/** Of MessagePack, which Redis takes apart in C: the first byte of an array, a text and a number with lengths of a fixed size. */
const msgpack = { array32: 0xdd, str32: 0xdb, uint16: 0xcd } as const
const lengthBytes = 5
const numberBytes = 3

/** An array of arrays, one a run. */
function packRuns(runs: readonly Run[]): Buffer {
  let size = lengthBytes
  for (const { command, fields } of runs) {
    size += 2 * lengthBytes + numberBytes + (command === null ? 0 : lengthBytes + command.length)
    for (const field of fields) size += lengthBytes + field.length
  }
  const packed = Buffer.allocUnsafe(size)
  let at = putLength(packed, 0, msgpack.array32, runs.length)
  for (const { command, target, fields } of runs) {
    at = putLength(packed, at, msgpack.array32, command === null ? 2 : 3)
    if (command !== null) {
      at = putLength(packed, at, msgpack.str32, command.length)
      at += packed.write(command, at, 'latin1')
    }
    packed[at] = msgpack.uint16
    at = packed.writeUInt16BE(target, at + 1)
    at = putLength(packed, at, msgpack.array32, fields.length)
    for (const field of fields) {
      at = putLength(packed, at, msgpack.str32, field.length)
      packed.set(field, at)
      at += field.length
    }
  }
  return packed
}

function putLength(target: Buffer, at: number, type: number, length: number): number {
  target[at] = type
  return target.writeUInt32BE(length, at + 1)
}
