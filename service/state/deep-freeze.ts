/** Makes a mutation of a value that belongs to the state fail where it happens; for tests and the driver. */

/** Freezes plain objects and arrays, all the way down; views of bytes can't be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const field of Object.values(value)) deepFreeze(field)
  return value
}
