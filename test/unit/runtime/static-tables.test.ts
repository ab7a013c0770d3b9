import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { type GlobalTable, json, staticTable, stream, topology } from '../../../service/index.ts'
import { loadTables } from '../../../service/runtime/static-tables.ts'
import { graphOf } from '../../../service/topology/graph.ts'

const directory = mkdtempSync(join(tmpdir(), 'caudal-tables-'))
after(() => rmSync(directory, { recursive: true }))

interface City {
  readonly id: string
  readonly name: string
}

function fileOf(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** The rows of one table, as a worker that starts has them. */
async function load<V>(table: GlobalTable<V>): Promise<readonly (readonly [string, unknown])[]> {
  const sink = stream('in', { value: json<string>() })
    .lookup(
      table,
      (id) => id,
      (_, row) => JSON.stringify(row),
    )
    .to('out', { value: json() })
  const [rows] = [...(await loadTables(graphOf(definitionOf(topology('cities', sink))))).values()]
  return [...(rows ?? [])]
}

const loadFile = (name: string, content: string) => load(staticTable<City>(fileOf(name, content), { key: ({ id }) => id }))

async function refused(loading: Promise<unknown>, ...sentences: readonly RegExp[]): Promise<void> {
  await assert.rejects(loading, (error) => {
    assert.ok(error instanceof ConfigurationError)
    assert.equal(error.defects.length, sentences.length, error.message)
    for (const [index, sentence] of sentences.entries()) assert.match(error.defects[index] ?? '', sentence)
    return true
  })
}

const cities = [
  ['o', { id: 'o', name: 'Oslo' }],
  ['p', { id: 'p', name: 'Porto, Portugal' }],
]

describe('files of rows', () => {
  test('.csv: columns by the first line, values in quotation marks, a byte order mark and empty lines', async () => {
    assert.deepEqual(await loadFile('a.csv', '\ufeffid,name\n\no,Oslo\r\np,"Porto, Portugal"\n\n'), cities)
    assert.deepEqual(await loadFile('empty.csv', 'id,name\n'), [])
  })

  test('.json: an array; .jsonl: a row a line', async () => {
    const rows = cities.map(([, row]) => JSON.stringify(row))
    assert.deepEqual(await loadFile('a.json', `[${rows.join()}]`), cities)
    assert.deepEqual(await loadFile('a.jsonl', `${rows.join('\n\n')}\n`), cities)
  })

  test('a path from the working directory, and an address beside another file', async () => {
    const path = fileOf('b.csv', 'id,name\no,Oslo\n')
    const key = ({ id }: City) => id
    assert.deepEqual(await load(staticTable(relative(process.cwd(), path), { key })), [cities[0]])
    assert.deepEqual(await load(staticTable(new URL('./b.csv', pathToFileURL(path)), { key })), [cities[0]])
  })

  test('rows are frozen, all the way down', async () => {
    const rows = await load(staticTable({ o: { names: ['Oslo'] } }))
    assert.deepEqual(rows, [['o', { names: ['Oslo'] }]])
    const [[, row] = []] = rows
    assert.throws(() => (row as { readonly names: string[] }).names.push('Christiania'), TypeError)
  })
})

describe('what stops the start', () => {
  test('a file that is not there, by its whole name', () =>
    refused(
      load(staticTable<City>('absent.csv', { key: ({ id }) => id })),
      /^Static table absent\.csv: no such file: \/.*\/absent\.csv\.$/,
    ))

  test('text that cannot be read, with its line', async () => {
    await refused(
      loadFile('c.json', '{"o": 1}'),
      /c\.json: a \.json file of rows holds an array of them, and this one holds \{ o: 1 \}/,
    )
    await refused(loadFile('d.json', '[1'), /d\.json: .*JSON/)
    await refused(loadFile('c.jsonl', '{"id":"o"}\n{"id":\n'), /c\.jsonl: line 2: .*JSON/)
    await refused(loadFile('c.csv', 'id,name\no,Oslo\np,Porto,Portugal\n'), /c\.csv: .*columns length is 2, got 3 on line 3/)
    await refused(loadFile('d.csv', 'id,id\no,Oslo\n'), /d\.csv: two columns are named 'id'/)
  })

  test('a key that is no string, or cannot be told', async () => {
    await refused(
      loadFile('e.jsonl', '{"id":"o"}\n{"id":7}\nnull\n'),
      /line 2: `key` gave 7, which is no string/,
      /line 3: `key` failed: /,
    )
    await refused(loadFile('e.json', '[{"id":"o"},{}]'), /row 2: `key` gave undefined/)
  })

  test('two rows with one key, and of many defects the first ones', async () => {
    await refused(loadFile('f.csv', 'id,name\no,Oslo\np,Porto\no,Olso\n'), /line 4: the key 'o' is that of line 2 too/)
    const rest = Array.from({ length: 8 }, () => /`key` gave 1/)
    await refused(loadFile('f.jsonl', '{"id":1}\n'.repeat(8)), ...rest.slice(0, 5), /3 more rows are like that/)
  })
})
