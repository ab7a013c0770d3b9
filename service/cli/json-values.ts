/** Values that JSON has no form for, as JSON all the same: bytes as text or base64, whole numbers of 64 bits as their digits. */
import { isUtf8 } from 'node:buffer'

/** One line of JSON; the same value is always the same text. `undefined` as the value of a field is null. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name) {
    // As it stands in its object: what is passed for the value has been through toJSON, which makes an object of a Buffer.
    return jsonForm(this[name])
  })
}

function jsonForm(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return jsonOfBytes(value)
  if (value instanceof Map) return [...(value as ReadonlyMap<unknown, unknown>)]
  if (value instanceof Set) return [...(value as ReadonlySet<unknown>)]
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString()
  return value
}

/** Text where they are UTF-8, else `{"base64": "…"}`. */
function jsonOfBytes(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') }
}

/** The reverse for bytes; `what` names them in the sentence. @throws TypeError for what is neither */
export function bytesOfJson(json: unknown, what: string): Buffer {
  if (typeof json === 'string') return Buffer.from(json)
  const { base64 } = (json ?? {}) as { readonly base64?: unknown }
  if (typeof base64 === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return Buffer.from(base64, 'base64')
  throw new TypeError(`${what} is bytes: it must be a text or {"base64": "…"}, is ${JSON.stringify(json)}`)
}
