/** What JSON that somebody else may have written looks like, before it is believed. */

export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isText = (value: unknown): value is string => typeof value === 'string'

/** A whole number from 0 on. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Milliseconds; JSON has no infinite ones. */
export const isTime = (value: unknown): value is number => typeof value === 'number'

export const isListOf = <T>(value: unknown, is: (element: unknown) => element is T): value is readonly T[] =>
  Array.isArray(value) && value.every(is)

export const isMapOf = <T>(value: unknown, is: (field: unknown) => field is T): value is Readonly<Record<string, T>> =>
  isObject(value) && Object.values(value).every(is)

export const isNullOr =
  <T>(is: (value: unknown) => value is T) =>
  (value: unknown): value is T | null =>
    value === null || is(value)
