/**
 * Which message of a .proto file a record holds, as Confluent's wire format tells it between the schema id and the message: the position of
 * the top-level message in the file, then that of the message nested in it, and so on. All numbers are varints in zigzag; first how many
 * there are, and the path [0], by far the most frequent, is the single byte 0.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */

/** Deeper than any nesting that is in use; a wrong count must not ask for memory. */
const depthMax = 64
const varintBytesMax = 5

export function encodeMessageIndexes(path: readonly number[]): Buffer {
  if (path.length === 1 && path[0] === 0) return Buffer.of(0)
  return Buffer.from([path.length, ...path].flatMap(zigzagVarint))
}

/** The path, and where the message begins. @throws TypeError on bytes that are no path */
export function decodeMessageIndexes(bytes: Buffer): { readonly path: readonly number[]; readonly end: number } {
  let at = 0
  const next = (): number => {
    let value = 0
    for (let read = 0; read < varintBytesMax; read++) {
      const byte = bytes[at++]
      if (byte === undefined) throw new TypeError('The bytes end in the middle of the message indexes.')
      value += (byte & 0x7f) * 2 ** (7 * read)
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new TypeError('A message index is longer than a varint of 32 bits.')
  }
  const count = next()
  if (count === 0) return { path: [0], end: at }
  if (count < 0 || count > depthMax)
    throw new TypeError(`The bytes begin with ${count} message indexes: that is no path to a message.`)
  const path = Array.from({ length: count }, next)
  if (path.some((index) => index < 0)) throw new TypeError(`The message indexes [${path.join(', ')}] are no path to a message.`)
  return { path, end: at }
}

/** Of a number that is not negative. */
function zigzagVarint(value: number): readonly number[] {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return [...bytes, rest]
}
