/** The values of a store to and from bytes, with errors that name the store and the key. */
import { UnpreparedError } from '../codec/prepared.ts'
import { FatalError } from '../errors.ts'
import type { StoreSpec } from '../topology/node.ts'
import { deepFreeze } from './deep-freeze.ts'

export class StoredValues {
  readonly #spec: StoreSpec
  readonly #strict: boolean
  constructor(spec: StoreSpec, strict: boolean) {
    this.#spec = spec
    this.#strict = strict
  }

  /** Bytes of its own; `value` is not undefined. @throws FatalError where the codec can't, UnpreparedError where it can't yet */
  encode(key: string, value: unknown): Buffer {
    let bytes: Buffer | null
    try {
      bytes = this.#spec.codec.encode(value)
    } catch (error) {
      throw this.#failure('could not encode a value', key, error)
    }
    if (bytes === null) throw this.#failure('made no bytes of a value; undefined is what deletes one', key)
    // A codec of bytes may hand out the value itself, which user code may change before the store has it.
    return value instanceof Uint8Array && bytes.buffer === value.buffer ? Buffer.from(bytes) : bytes
  }

  /** Shares nothing with `bytes`; never undefined, which is what an entry without a value has. @throws FatalError as encode */
  decode(key: string, bytes: Buffer): unknown {
    let value: unknown
    try {
      value = this.#spec.codec.decode(bytes)
    } catch (error) {
      throw this.#failure('could not decode a value: was it written by another codec?', key, error)
    }
    if (value === undefined) throw this.#failure('made undefined of a value that is there', key)
    // A view of the bytes would share them with a write, or keep all of an answer alive.
    if (value instanceof Uint8Array) return Buffer.from(value)
    return this.#strict ? deepFreeze(value) : value
  }

  #failure(what: string, key: string, cause?: unknown): FatalError | UnpreparedError {
    if (cause instanceof UnpreparedError) return cause
    const { name, codec } = this.#spec
    const shown = JSON.stringify(key)
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    const fields = { store: name, codec: codec.name, key: shown }
    return new FatalError(`Store ${name}, key ${shown}: codec ${codec.name} ${what}${reason}`, { cause, fields })
  }
}
