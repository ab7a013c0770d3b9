/** Makes a mutation of a value that belongs to the state fail where it happens; for tests and the driver. */

/** Freezes plain objects and arrays, all the way down, however deep; views of bytes can't be frozen. */
export function deepFreeze<T>(value: T): T {
  const waiting: unknown[] = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next !== 'object' || next === null || Object.isFrozen(next) || ArrayBuffer.isView(next)) continue
    Object.freeze(next)
    for (const field of Object.values(next)) waiting.push(field)
  }
  return value
}
