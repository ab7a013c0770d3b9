/** UTF-8 text of a range of a buffer, by Node's native slice: `toString` checks and dispatches on each call. */

interface Utf8Sliceable {
  utf8Slice(start: number, end: number): string
}

/** Bytes [start, end) as text; bytes that are no UTF-8 become U+FFFD, and a byte order mark stays. */
export const utf8Slice = (buffer: Buffer, start: number, end: number): string =>
  (buffer as unknown as Utf8Sliceable).utf8Slice(start, end)
