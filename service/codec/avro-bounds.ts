/** Bounds for avsc's readers: they believe every count, look for the end of the bytes when all is read, and so fill the memory before. */

/** A place in bytes that are read; behind their end there are zeroes. */
interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  readString(): string
}

/** What is used of the inside of a type of avsc 5. */
interface AvscType {
  readonly typeName: string
  readonly fields?: readonly { readonly type: AvscType }[]
  readonly types?: readonly AvscType[]
  readonly underlyingType?: AvscType
  readonly itemsType?: AvscType
  readonly valuesType?: AvscType
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
}

/** So many elements that take no bytes at all, such as nulls, a block may have. */
const emptyElementsMax = 100

const seen = new WeakSet<object>()

/** Makes the readers of `type`, and of the types that it is made of, throw a TypeError where a count cannot be right. */
export function boundReads(type: object): void {
  if (seen.has(type)) return
  seen.add(type)
  const { fields = [], types = [], underlyingType, itemsType, valuesType } = type as AvscType
  for (const part of [...fields.map((field) => field.type), ...types, underlyingType, itemsType, valuesType])
    if (part !== undefined) boundReads(part)
  boundClass(type as AvscType)
}

/** Types are frozen, their classes are not, and not to be had by name. */
function boundClass(type: AvscType): void {
  const readers = Object.getPrototypeOf(type) as Pick<AvscType, '_read' | '_skip'>
  if (seen.has(readers)) return
  seen.add(readers)
  switch (type.typeName) {
    case 'array':
      readers._read = readArray
      readers._skip = readArray
      break
    case 'map':
      readers._read = readMap
      readers._skip = readMap
      break
  }
}

/** A resolver has these too, with another type of the elements: so `this`, and no closure. */
function readArray(this: AvscType, tap: Tap): unknown[] {
  const { itemsType } = this
  const items: unknown[] = []
  eachElement(tap, () => items.push(itemsType?._read(tap)))
  return items
}

function readMap(this: AvscType, tap: Tap): Record<string, unknown> {
  const { valuesType } = this
  const values: Record<string, unknown> = {}
  eachElement(tap, () => {
    const key = tap.readString()
    values[key] = valuesType?._read(tap)
  })
  return values
}

/** Blocks with their count in front, the last one of none; behind a negative count stands the size of the block. */
function eachElement(tap: Tap, read: () => void): void {
  for (;;) {
    let count = tap.readLong()
    if (count === 0) return
    if (count < 0) {
      count = -count
      tap.readLong()
    }
    if (!(count <= tap.buf.length - tap.pos + emptyElementsMax)) throw new TypeError(`a block of ${count} elements is cut short`)
    while (count--) read()
  }
}
