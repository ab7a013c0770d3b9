/** Rows of a CSV file, as objects by the names in its first line. */
import { parse } from 'csv-parse/sync'

export interface CsvRow {
  /** All values are strings. */
  readonly row: { readonly [column: string]: string }
  /** The last one of the row: a value in quotation marks may have line breaks. */
  readonly line: number
}

interface Parsed {
  readonly record: CsvRow['row']
  readonly info: { readonly lines: number }
}

/** @throws Error that names the line */
export function csvRows(text: string): readonly CsvRow[] {
  const options = { columns: distinct, bom: true, skip_empty_lines: true, info: true as const, record_delimiter: ['\r\n', '\n'] }
  return (parse(text, options) as unknown as readonly Parsed[]).map(({ record, info }) => ({ row: record, line: info.lines }))
}

/** Of two columns with one name, one would be lost. */
function distinct(names: readonly string[]): string[] {
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw new Error(`two columns are named '${twice}'`)
  return [...names]
}
