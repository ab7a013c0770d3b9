/** Reads the static tables of a topology, at the start of a worker. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { ConfigurationError } from '../errors.ts'
import type { Tables } from '../operators/compile-parts.ts'
import { deepFreeze } from '../state/deep-freeze.ts'
import type { Graph } from '../topology/graph.ts'
import type { StaticTable, TableFile, TableRows, Value } from '../topology/node.ts'
import { csvRows } from './csv-rows.ts'

/** A row and where it stands in its file: `line 7`, `row 7`. */
interface PlacedRow {
  readonly row: Value
  readonly place: string
}

/** So many defects of one file are told. */
const defectsMax = 5

/** The rows of every table that the topology looks up, frozen: all tasks share them. @throws ConfigurationError with what is wrong */
export async function loadTables(graph: Graph): Promise<Tables> {
  const tables = new Set(graph.nodes.flatMap((node) => (node.kind === 'lookup' ? [node.table] : [])))
  const defects: string[] = []
  const loaded = new Map<StaticTable, TableRows>()
  for (const table of tables) {
    const rows = await rowsOf(table, (defect) => defects.push(`Static table ${table.source}: ${defect}.`))
    for (const row of rows.values()) deepFreeze(row)
    loaded.set(table, rows)
  }
  if (defects.length > 0) throw new ConfigurationError(defects)
  return loaded
}

type Report = (defect: string) => void

async function rowsOf({ rows }: StaticTable, report: Report): Promise<TableRows> {
  if (!('location' in rows)) return rows
  try {
    return keyed(placedRows(rows.format, await readFile(rows.location, 'utf8')), rows.keyOf, report)
  } catch (error) {
    report(messageOf(error))
    return new Map()
  }
}

function placedRows(format: TableFile['format'], text: string): readonly PlacedRow[] {
  if (format === 'csv') return csvRows(text).map(({ row, line }) => ({ row, place: `line ${line}` }))
  return format === 'json' ? jsonRows(text) : jsonLines(text)
}

function jsonRows(text: string): readonly PlacedRow[] {
  const rows: unknown = JSON.parse(text)
  if (!Array.isArray(rows)) throw new Error(`a .json file of rows holds an array of them, and this one holds ${shown(rows)}`)
  return rows.map((row: unknown, index) => ({ row, place: `row ${index + 1}` }))
}

function jsonLines(text: string): readonly PlacedRow[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const place = `line ${index + 1}`
    try {
      return [{ row: JSON.parse(line) as unknown, place }]
    } catch (error) {
      throw new Error(`${place}: ${messageOf(error)}`, { cause: error })
    }
  })
}

/** Two rows with one key are a mistake more often than an intention: neither is dropped in silence. */
function keyed(placed: readonly PlacedRow[], keyOf: TableFile['keyOf'], report: Report): TableRows {
  const rows = new Map<string, Value>()
  const places = new Map<string, string>()
  let defects = 0
  for (const { row, place } of placed) {
    const key = keyIn(row, keyOf)
    const before = typeof key === 'string' ? places.get(key) : undefined
    if (typeof key === 'string' && before === undefined) {
      rows.set(key, row)
      places.set(key, place)
    } else if (++defects <= defectsMax) {
      report(`${place}: ${typeof key === 'string' ? `the key '${key}' is that of ${before} too` : key.defect}`)
    }
  }
  if (defects > defectsMax) report(`${defects - defectsMax} more rows are like that`)
  return rows
}

function keyIn(row: Value, keyOf: TableFile['keyOf']): string | { readonly defect: string } {
  try {
    const key: unknown = keyOf(row)
    return typeof key === 'string' ? key : { defect: `\`key\` gave ${shown(key)}, which is no string` }
  } catch (error) {
    return { defect: `\`key\` failed: ${messageOf(error)}` }
  }
}

const shown = (value: unknown): string => inspect(value, { depth: 0, maxStringLength: 60, breakLength: Number.POSITIVE_INFINITY })

function messageOf(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? `no such file: ${resolve(path ?? '')}` : message
}
