import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { readRecordLines } from '../../service/cli/record-lines.ts'
import { type Configuration, loadConfiguration } from '../../service/config.ts'
import { int64 } from '../../service/codec/int64.ts'
import { float64 } from '../../service/codec/float64.ts'
import { settingsByKey } from '../../service/config/settings.ts'
import { definitionOf } from '../../service/dsl/topology.ts'
import { ConfigurationError } from '../../service/errors.ts'
import { json, staticTable, stream, text, topology } from '../../service/index.ts'
import { loadTables } from '../../service/runtime/static-tables.ts'
import { graphOf } from '../../service/topology/graph.ts'
import { damaged, damages, fuzz, noise, Outcomes, samples } from '../support/fuzz.ts'

const directory = mkdtempSync(join(tmpdir(), 'caudal-fuzz-'))
after(() => rmSync(directory, { recursive: true }))

const deep = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)

describe('files of static tables', () => {
  const valid = {
    csv: 'id,name\n1,Berlin\n"2","New\nYork"\n',
    json: '[{"id":"1","name":"Berlin"},{"id":"2","name":"Paris"}]',
    jsonl: '{"id":"1","name":"Berlin"}\n{"id":"2","name":"Paris"}\n',
  }
  const load = async (path: string) => {
    const table = staticTable<{ readonly id: string }>(path, { key: ({ id }) => id })
    const rows = stream('in', { value: text() }).lookup(
      table,
      (key) => key,
      (_, row) => JSON.stringify(row),
    ) // prettier-ignore
    return loadTables(graphOf(definitionOf(topology('cities', rows.to('out', { value: text() })))))
  }

  for (const format of ['csv', 'json', 'jsonl'] as const) {
    test(`.${format}: a damaged file stops the start by its name, or its rows are there`, async (t) => {
      const path = join(directory, `cities.${format}`)
      const counts = { read: 0, refused: 0 }
      const inputs = samples(300, [damages, noise, fc.boolean()])
      const contents = inputs.map(([all, bytes, isNoise]) => (isNoise ? bytes : damaged(Buffer.from(valid[format]), all)))
      const nested = ['[', deep(100_000), ']'].join('')
      for (const content of [...contents, Buffer.from(nested), Buffer.from(`[{"id":"1","x":${deep(5_000)}}]`)]) {
        writeFileSync(path, content)
        try {
          await load(path)
          counts.read += 1
        } catch (error) {
          assert.ok(error instanceof ConfigurationError, error instanceof Error ? error.stack : String(error))
          assert.match(error.message, new RegExp(`cities\\.${format}`))
          counts.refused += 1
        }
      }
      t.diagnostic(JSON.stringify(counts))
      assert.ok(counts.read > 0 && counts.refused > 0)
    })
  }
})

describe('configuration', () => {
  const keys = [...settingsByKey.keys()]
  const load = (content: string, environment: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>>) => {
    const path = join(directory, 'fuzzed.json')
    writeFileSync(path, content)
    const given = Object.entries(flags).map(([key, value]) => ({ key, value, from: `--${key}` }))
    return loadConfiguration({ directory, files: [path], environment, flags: { given, defects: [] } })
  }
  const isOurs = (error: Error) => error instanceof ConfigurationError && error.defects.length > 0
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>('', '0', '-1', '1e99', 'true', 'redis://', 'http://a:b@c', '::', 'x:y'),
  )
  const tree = fc.dictionary(fc.constantFrom(...keys, 'workers', '__proto__', 'constructor'), value, { maxKeys: 4 })
  const nested = (flat: Readonly<Record<string, unknown>>) => {
    const root: Record<string, unknown> = {}
    for (const [key, content] of Object.entries(flat)) {
      const [group = '', name] = key.split('.')
      root[group] = name === undefined ? content : { [name]: content }
    }
    return root
  }

  test('any file, variables and flags are settings, or a list of defects', (t) => {
    const outcomes = new Outcomes()
    const texts = fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.constantFrom('1', '-1', 'a:1', '')), {
      maxKeys: 3,
    })
    const variable = (key: string) => `CAUDAL_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`
    fuzz(400, [tree, texts, texts], (file, environment, flags) => {
      const variables = Object.fromEntries(Object.entries(environment).map(([key, text]) => [variable(key), text]))
      const found: Configuration | null = outcomes.of(() => load(JSON.stringify(nested(file)), variables, flags), isOurs)
      if (found !== null) assert.ok(Number.isInteger(found.workers))
    })
    outcomes.tell(t)
  })

  test('bytes that are no JSON are a defect of the file', (t) => {
    const outcomes = new Outcomes()
    fuzz(300, [damages, noise, fc.boolean()], (all, bytes, isNoise) => {
      const content = isNoise ? bytes : damaged(Buffer.from('{"workers":2,"kafka":{"brokers":["a:1"]}}'), all)
      outcomes.of(() => load(content.toString('latin1'), {}, {}), isOurs)
    })
    for (const depth of [2_000, 100_000]) outcomes.of(() => load(deep(depth), {}, {}), isOurs)
    outcomes.tell(t)
  })
})

describe('lines of caudal try', () => {
  const sources = new Map([
    ['a', { key: text(), value: json() }],
    ['b', { key: int64(), value: float64() }],
  ])
  const line = '{"topic":"b","key":"7","value":1.5,"timestamp":5,"partition":1,"headers":{"h":"x"}}'

  test('each line is a record, or a defect with its number', () => {
    const field = fc.constantFrom('topic', 'key', 'value', 'timestamp', 'partition', 'headers', 'other')
    const anyLine = fc.oneof(
      damages.map((all) => damaged(Buffer.from(line), all).toString()),
      fc
        .dictionary(
          field,
          fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>('a', 'b', 1, { base64: 'AA==' }, { base64: 1 }, 2 ** 60)),
        )
        .map((some) => JSON.stringify(some)),
      fc.string(),
      fc.constantFrom(2, 2_000, 20_000).map(deep),
    ) // prettier-ignore
    fuzz(700, [fc.array(anyLine, { maxLength: 3 })], (lines) => {
      const texts = [...lines, line].map((some) => some.replaceAll('\n', ' '))
      const { records, defects } = readRecordLines(texts.join('\n'), { sources, partitions: 4 })
      const given = texts.filter((some, i) => (i === 0 ? some.replace(/^\uFEFF/, '') : some).trim() !== '').length
      assert.equal(records.length + defects.length, given)
      for (const defect of defects) assert.match(defect, /^\d+: ./)
      assert.ok(records.some(({ topic, line: at }) => topic === 'b' && at === texts.length))
    })
  })
})
