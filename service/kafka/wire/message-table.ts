/** The field tables as data: one table a message, with the versions of every field. */
import { messageTables } from './tables.ts'

export type MessageKind = 'request' | 'response'

/** A field of a message. `versions` and its like are Kafka's ranges: "3+", "0-4", "2", "none". */
export interface Field {
  readonly name: string
  /** A scalar's name, or a struct's; with `[]` in front for an array. */
  readonly type: string
  readonly versions: string
  readonly nullable?: string
  readonly tag?: { readonly number: number; readonly versions: string }
  /** Absent: the zero of the type. */
  readonly default?: string | number | boolean | null
  readonly fields: Field[]
}

export interface MessageTable {
  readonly api: string
  readonly key: number
  readonly kind: MessageKind
  readonly versions: string
  readonly flexible: string
  readonly fields: Field[]
}

/** Whether `range` holds `version`. */
export function inVersions(range: string | undefined, version: number): boolean {
  if (range === undefined || range === 'none') return false
  if (range.endsWith('+')) return version >= Number(range.slice(0, -1))
  const [low, high] = range.split('-')
  return version >= Number(low) && version <= Number(high ?? low)
}

/** Reads the text form: a head line a message, then a line a field, indented by two spaces a level. */
export function parseTables(text: string): ReadonlyMap<string, MessageTable> {
  const tables = new Map<string, MessageTable>()
  // The field lists that are open, the outermost first: a line goes to the one of its indentation.
  let open: Field[][] = []
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const depth = line.search(/\S/) / 2
    if (depth === 0) {
      const table = parseHead(line)
      tables.set(tableName(table.api, table.kind), table)
      open = [table.fields]
    } else {
      const field = parseField(line.trim())
      open.length = depth
      open.at(-1)?.push(field)
      open.push(field.fields)
    }
  }
  return tables
}

function parseHead(line: string): MessageTable {
  const [api = '', key, kind, versions = '', , flexible = ''] = line.split(' ')
  return { api, key: Number(key), kind: kind === 'request' ? 'request' : 'response', versions, flexible, fields: [] }
}

function parseField(line: string): Field {
  const match = /^(\S+) (\S+) (\S+)(?: nullable (\S+))?(?: tag (\d+) (\S+))?(?: default (.+))?$/.exec(line)
  if (match === null) throw new Error(`The field tables have a line that is no field: ${line}`)
  const [, name = '', type = '', versions = '', nullable, tag, tagVersions = '', defaultText] = match
  return {
    name,
    type,
    versions,
    ...(nullable === undefined ? {} : { nullable }),
    ...(tag === undefined ? {} : { tag: { number: Number(tag), versions: tagVersions } }),
    ...(defaultText === undefined ? {} : { default: JSON.parse(defaultText) }),
    fields: [],
  }
}

const tableName = (api: string, kind: MessageKind) => `${api} ${kind}`
const tables = parseTables(messageTables)

/** The table of `api`'s requests or answers. */
export function messageTable(api: string, kind: MessageKind): MessageTable {
  const table = tables.get(tableName(api, kind))
  if (table === undefined) throw new Error(`There is no table for ${api} ${kind}s: add it to scripts/generate-messages.ts`)
  return table
}
