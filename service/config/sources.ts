/** Where settings come from: files, environment and flags, each read into values by key, with every unknown name as a defect. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { givenKeys, keyByEnvironmentName, suggestion } from './spelling.ts'

/** A value as it was given, and the name under which its giver will look for it. */
export interface Given {
  readonly key: string
  readonly value: unknown
  /** As in messages: `--workers`, `CAUDAL_WORKERS`, `config/default.json: workers`. */
  readonly from: string
}

/** One layer of the configuration. */
export interface Layer {
  readonly given: readonly Given[]
  readonly defects: readonly string[]
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function flatten(tree: Record<string, unknown>, prefix: string): (readonly [string, unknown])[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    isPlainObject(value) ? flatten(value, `${prefix}${key}.`) : [[prefix + key, value] as const],
  )
}

/** Settings of a parsed JSON file; `file` is what messages call it. */
export function fromTree(tree: unknown, file: string): Layer {
  if (!isPlainObject(tree)) return { given: [], defects: [`${file}: must hold a JSON object`] }
  const given: Given[] = []
  const defects: string[] = []
  for (const [key, value] of flatten(tree, '')) {
    if (givenKeys.includes(key)) given.push({ key, value, from: `${file}: ${key}` })
    else defects.push(`${file}: ${key}: unknown key${suggestion(key, givenKeys)}`)
  }
  return { given, defects }
}

/** Settings of a JSON file. One that does not exist is a defect, or an empty layer where it is `optional`. */
export function fromFile(path: string, options: { readonly directory: string; readonly optional?: boolean }): Layer {
  let text: string
  try {
    text = readFileSync(resolve(options.directory, path), 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing && options.optional === true) return { given: [], defects: [] }
    return { given: [], defects: [`${path}: ${missing ? 'no such file' : `cannot be read (${messageOf(error)})`}`] }
  }
  try {
    return fromTree(JSON.parse(text), path)
  } catch (error) {
    return { given: [], defects: [`${path}: is not JSON (${messageOf(error)})`] }
  }
}

/** Settings of the `CAUDAL_*` variables. An empty variable counts as absent, as compose files and charts leave them. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Layer {
  const given: Given[] = []
  const defects: string[] = []
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('CAUDAL_') || value === undefined || value === '') continue
    const key = keyByEnvironmentName.get(name)
    if (key !== undefined) given.push({ key, value, from: name })
    else defects.push(`${name}: unknown key${suggestion(name, keyByEnvironmentName.keys())}`)
  }
  return { given, defects }
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
