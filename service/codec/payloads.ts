/** How values are read and written by a schema of each kind, over the types that the parsers of the registry's client make of it. */
import { boundReads } from './avro-bounds.ts'
import { decodeMessageIndexes, encodeMessageIndexes } from './message-indexes.ts'
import { wellKnownTypes } from './protobuf-well-known.ts'
import type { PayloadOptions, RegisteredSchema } from './registry-client.ts'

/** What is used of a type of `avsc`. */
export interface AvroType {
  readonly name?: string | undefined
  toBuffer(value: unknown): Buffer
  fromBuffer(bytes: Buffer, resolver?: unknown): unknown
  createResolver(writer: AvroType): unknown
  isValid(value: unknown, options: { readonly errorHook: (path: readonly string[]) => void }): boolean
}

/** What is used of a schema that was compiled by `ajv`. */
export interface Validated {
  toBuffer(value: unknown): Buffer
  fromBuffer(bytes: Buffer): unknown
}

/** What is used of a message type of `protobufjs`. */
export interface ProtobufType {
  readonly name: string
  readonly fullName: string
  readonly parent: ProtobufScope
  readonly root: ProtobufRoot
  fromObject(value: unknown): unknown
  toObject(message: unknown, options: object): unknown
  encode(message: unknown): { finish(): Uint8Array }
  decode(bytes: Buffer): unknown
  verify(message: unknown): string | null
}

/** All files together. */
export interface ProtobufRoot {
  addJSON(tree: object): unknown
  lookup(path: readonly string[]): unknown
  resolveAll(): unknown
}

/** A package, or a message with others in it. */
export interface ProtobufScope {
  readonly nestedArray: readonly object[]
  readonly parent?: ProtobufScope
  lookupType(name: string): ProtobufType
}

export function avroSchema(writer: AvroType, typeOf: (schema: object) => AvroType): RegisteredSchema {
  boundReads(writer)
  const encode = (value: unknown): Buffer => {
    const defects: string[] = []
    if (writer.isValid(value, { errorHook: (path) => defects.push(path.join('.')) })) return writer.toBuffer(value)
    throw new TypeError(
      `The value does not fit the schema${writer.name === undefined ? '' : ` ${writer.name}`}: ${shown(defects)}.`,
    )
  }
  return {
    kind: 'avro',
    payloads: ({ readerSchema }: PayloadOptions) => {
      if (readerSchema === undefined) return { encode, decode: (payload) => writer.fromBuffer(payload) }
      const reader = typeOf(readerSchema)
      boundReads(reader)
      const resolver = resolverOf(reader, writer)
      return { encode, decode: (payload) => reader.fromBuffer(payload, resolver) }
    },
  }
}

function resolverOf(reader: AvroType, writer: AvroType): unknown {
  try {
    return reader.createResolver(writer)
  } catch (error) {
    throw new TypeError(`The readerSchema cannot read what was written: ${(error as Error).message}`, { cause: error })
  }
}

export function jsonSchema(schema: Validated): RegisteredSchema {
  const payloads = {
    encode: (value: unknown) => fitting(() => schema.toBuffer(value)),
    decode: (payload: Buffer) => fitting(() => schema.fromBuffer(payload)),
  }
  return { kind: 'jsonSchema', payloads: () => payloads }
}

function fitting<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { paths } = error as { readonly paths?: readonly (readonly string[])[] }
    if (paths === undefined) throw error
    throw new TypeError(`The value does not fit its JSON Schema: ${shown(paths.map((path) => path.join('')))}.`, { cause: error })
  }
}

/** As in protobuf's JSON mapping, but for bytes. */
const plain = { longs: String, enums: String, defaults: true, arrays: true, objects: true, oneofs: false }

/** `first` is a top-level message of the schema's own file. @throws Error where the schema lacks a type that it uses */
export function protobufSchema(first: ProtobufType): RegisteredSchema {
  const { parent: file, root } = first
  if (root.lookup(['google', 'protobuf', 'Timestamp']) === null) root.addJSON(wellKnownTypes)
  // Until then repeated numbers are not packed, as proto3 has them.
  root.resolveAll()
  return {
    kind: 'protobuf',
    payloads: ({ messages }: PayloadOptions) => {
      const targets = new Map<string | undefined, { readonly type: ProtobufType; readonly indexes: Buffer }>()
      const target = (record: string | undefined) => {
        const known = targets.get(record)
        if (known !== undefined) return known
        const type = record === undefined ? (messagesIn(file)[0] ?? first) : namedIn(file, record)
        const made = { type, indexes: encodeMessageIndexes(pathTo(type, file)) }
        targets.set(record, made)
        return made
      }
      return {
        encode: (value, record) => {
          const { type, indexes } = target(record)
          return Buffer.concat([indexes, encodeMessage(type, value)])
        },
        decode: (payload) => {
          const { path, end } = decodeMessageIndexes(payload)
          const type = messageAt(file, path)
          if (messages.length > 0 && !messages.some((name) => isNamed(type, name)))
            throw new TypeError(
              `The bytes are a message ${nameOf(type)}, which is not among those that the codec reads: ${messages.join(', ')}.`,
            )
          return type.toObject(type.decode(payload.subarray(end)), plain)
        },
      }
    },
  }
}

/** Wrong values would be taken for 0 or empty: what is read back must be what was given. */
function encodeMessage(type: ProtobufType, value: unknown): Uint8Array {
  const message = type.fromObject(value)
  const defect = type.verify(message) ?? lossIn(value, type.toObject(message, { ...plain, defaults: false }), '')
  if (defect !== null) throw new TypeError(`The value does not fit the message ${nameOf(type)}: ${defect}.`)
  return type.encode(message).finish()
}

/** Where a field of a value is unknown to the message, or was turned into something else. */
function lossIn(given: unknown, kept: unknown, path: string): string | null {
  if (given === null || given === undefined || given instanceof Uint8Array || kept instanceof Uint8Array) return null
  if (typeof given === 'object') {
    if (typeof kept !== 'object' || kept === null) return Object.keys(given).length === 0 ? null : `${path} is unknown to it`
    for (const [name, field] of Object.entries(given)) {
      const loss = lossIn(field, (kept as Record<string, unknown>)[name], path === '' ? name : `${path}.${name}`)
      if (loss !== null) return loss
    }
    return null
  }
  // What is read back leaves defaults out.
  if (kept === undefined) return defaults.has(given) ? null : `${path} is unknown to it`
  return isSame(given as Scalar, kept as Scalar)
    ? null
    : `${path} is ${String(given as Scalar)}, and would be kept as ${String(kept as Scalar)}`
}

type Scalar = string | number | bigint | boolean

const defaults: ReadonlySet<unknown> = new Set([0, '', false, '0', 0n])

function isSame(given: Scalar, kept: Scalar): boolean {
  if (typeof given === 'boolean' || typeof kept === 'boolean') return given === kept
  // Long integers are kept as decimal text, and a float keeps fewer digits than a number has.
  if (String(given) === String(kept) || (typeof given === 'number' && Math.fround(given) === kept)) return true
  // An enum may be given as its number.
  return typeof given === 'number' && typeof kept === 'string' && Number.isInteger(given) && !/^-?\d+$/.test(kept)
}

const isMessage = (nested: object): nested is ProtobufType => 'fieldsArray' in nested && 'decode' in nested

const messagesIn = (scope: ProtobufScope): readonly ProtobufType[] => scope.nestedArray.filter(isMessage)

/** Full names of protobufjs begin with a dot. */
const nameOf = ({ fullName }: ProtobufType): string => fullName.replace(/^\./, '')

const isNamed = (type: ProtobufType, name: string): boolean => nameOf(type) === name || nameOf(type).endsWith(`.${name}`)

function namedIn(file: ProtobufScope, name: string): ProtobufType {
  try {
    return file.lookupType(name)
  } catch (error) {
    throw new TypeError(`The schema has no message ${name}; it has ${messagesIn(file).map(nameOf).join(', ')}.`, { cause: error })
  }
}

function messageAt(file: ProtobufScope, path: readonly number[]): ProtobufType {
  let scope = file
  for (const index of path) {
    const message = messagesIn(scope)[index]
    if (message === undefined) throw new TypeError(`The schema has no message at [${path.join(', ')}], which the bytes name.`)
    scope = message as unknown as ProtobufScope
  }
  return scope as unknown as ProtobufType
}

function pathTo(type: ProtobufType, file: ProtobufScope): readonly number[] {
  const path: number[] = []
  for (let at: ProtobufType = type; ; at = at.parent as unknown as ProtobufType) {
    path.unshift(messagesIn(at.parent).indexOf(at))
    if (at.parent === file) return path
    if (!isMessage(at.parent)) throw new TypeError(`The message ${nameOf(type)} is of another file than the schema.`)
  }
}

const shownMax = 5

function shown(paths: readonly string[]): string {
  const named = paths.slice(0, shownMax).map((path) => (path === '' ? 'the value itself' : path))
  return named.join(', ') + (paths.length > shownMax ? ` and ${paths.length - shownMax} more` : '')
}
