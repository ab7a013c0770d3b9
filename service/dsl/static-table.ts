/** Fixed rows, from the code or from a file, for `lookup`. */
import { extname } from 'node:path'
import { ConfigurationError } from '../errors.ts'
import type { StaticTable, TableFile, Value } from '../topology/node.ts'
import { check, checkedFunction, checkedOptions } from './checks.ts'
import type { GlobalTable } from './types.ts'

export type AnyGlobalTable = GlobalTable<never>

/** What a GlobalTable is at run time. */
class Handle {
  readonly #table: StaticTable

  constructor(table: StaticTable) {
    this.#table = table
    Object.freeze(this)
  }

  static tableOf(value: unknown): StaticTable {
    if (typeof value === 'object' && value !== null && #table in value) return value.#table
    throw new ConfigurationError(['lookup needs a table made by staticTable() of this copy of caudal.'])
  }
}

/** What `staticTable` was given. @throws ConfigurationError for anything that is no such table */
export const tableOf = (value: unknown): StaticTable => Handle.tableOf(value)

/** Rows by key; they are frozen when a worker starts. @throws ConfigurationError for a key that is no string */
export function staticTable<V>(rows: Readonly<Record<string, V>> | ReadonlyMap<string, V>): GlobalTable<V>
/**
 * Rows of a file, read once by each worker when it starts: `.json` has an array of rows, `.jsonl` a row a line, `.csv` the columns' names in
 * its first line and values that are all strings. A path is relative to the working directory; a file beside the topology is
 * `new URL('./cities.csv', import.meta.url)`. Rows are taken as they are: V is a promise of yours. A file that cannot be read, a row without
 * a string for its key, and two rows with one key stop the start, with the line.
 * @throws ConfigurationError for a file with another ending
 */
export function staticTable<V>(file: string | URL, options: { readonly key: (row: V) => string }): GlobalTable<V>
export function staticTable(
  given: Readonly<Record<string, Value>> | ReadonlyMap<string, Value> | string | URL,
  options?: { readonly key: (row: never) => string },
): GlobalTable<unknown> {
  const isFile = typeof given === 'string' || given instanceof URL
  const table = isFile ? fileTable(given, options as { readonly key: TableFile['keyOf'] }) : rowsTable(given)
  return new Handle(Object.freeze(table)) as unknown as GlobalTable<unknown>
}

function rowsTable(given: Readonly<Record<string, Value>> | ReadonlyMap<string, Value>): StaticTable {
  check(
    typeof given === 'object' && given !== null,
    'staticTable() needs rows by key, as a record or a Map, or the name of a file.',
  )
  const rows = new Map(given instanceof Map ? (given as ReadonlyMap<string, Value>) : Object.entries(given))
  check(
    [...rows.keys()].every((key) => typeof key === 'string'),
    'staticTable() was given a Map with a key that is no string.',
  )
  return { source: `${rows.size} ${rows.size === 1 ? 'row' : 'rows'} of the code`, rows }
}

const formats = { '.json': 'json', '.jsonl': 'jsonl', '.csv': 'csv' } as const

function fileTable(location: string | URL, options: { readonly key: TableFile['keyOf'] }): StaticTable {
  const path = typeof location === 'string' ? location : decodeURIComponent(location.pathname)
  const what = `staticTable('${path}')`
  check(
    typeof location === 'string' || location.protocol === 'file:',
    `${what} has the address ${String(location)}: only files can be read.`,
  )
  const format = formats[extname(path) as keyof typeof formats]
  check(format !== undefined, `${what}: the name of the file has to end in ${Object.keys(formats).join(', ')}.`)
  const keyOf = checkedFunction(`key of ${what}`, checkedOptions(what, options).key)
  // Of a URL the last part: where the topology's file lies is no part of what it is.
  const source = typeof location === 'string' ? location : path.slice(path.lastIndexOf('/') + 1)
  return { source, rows: Object.freeze({ location, format, keyOf }) }
}
