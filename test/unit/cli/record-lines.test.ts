import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type LineFormat, readRecordLines } from '../../../service/cli/record-lines.ts'
import { bytes, int64, json, nullable, text } from '../../../service/index.ts'

const json1: LineFormat = { sources: new Map([['in', { key: text(), value: json() }]]), partitions: 2 }
const several: LineFormat = {
  sources: new Map([
    ['numbers', { key: int64(), value: nullable(int64()) }],
    ['blobs', { key: bytes(), value: { name: 'own', decode: () => 0 } }],
  ]),
  partitions: 1,
}

suite('records as JSON lines', () => {
  test('all that a record may have', () => {
    const line = '{"topic":"in","key":"a","value":{"n":1},"timestamp":-5,"partition":1,"headers":{"h":"x","b":{"base64":"/w=="}}}'
    assert.deepEqual(readRecordLines(line, json1), {
      records: [
        {
          line: 1,
          topic: 'in',
          record: {
            key: Buffer.from('a'),
            value: Buffer.from('{"n":1}'),
            timestamp: -5,
            partition: 1,
            headers: { h: Buffer.from('x'), b: Buffer.from([0xff]) },
          },
        },
      ],
      defects: [],
    })
  })

  test('a value is enough where there is one topic; empty lines, a byte order mark and carriage returns are passed over', () => {
    const { records, defects } = readRecordLines('\uFEFF{"value":1}\r\n\r\n\n{"value":null}', json1)
    assert.deepEqual(defects, [])
    assert.deepEqual(records, [
      { line: 1, topic: 'in', record: { key: null, value: Buffer.from('1'), headers: {} } },
      { line: 4, topic: 'in', record: { key: null, value: null, headers: {} } },
    ])
  })

  test('whole numbers of 64 bits as numbers or texts, and bytes for what cannot encode', () => {
    const lines = [
      '{"topic":"numbers","key":5,"value":"9223372036854775807"}',
      '{"topic":"blobs","key":"k","value":{"base64":"/w=="}}',
    ]
    const [numbers, blobs] = readRecordLines(lines.join('\n'), several).records
    assert.deepEqual([numbers?.record.key, numbers?.record.value], [int64().encode(5n), int64().encode(2n ** 63n - 1n)])
    assert.deepEqual([blobs?.record.key, blobs?.record.value], [Buffer.from('k'), Buffer.from([0xff])])
  })

  test('every line that is none is told of, with its number', () => {
    const bad = [
      ['{', /^1: it is no JSON: /],
      ['[]', /^2: it is no JSON object/],
      ['{"topic":"inn","value":1}', /^3: the topology does not read topic inn, but in; did you mean in\?$/],
      ['{"topic":1,"value":1}', /^4: "topic" must be a text, is 1$/],
      ['{"key":"a"}', /^5: it has no "value" \(null is a tombstone\)$/],
      ['{"key":4,"value":1}', /^6: "key" cannot be encoded \(text\): text\(\) encodes strings, not number\.$/],
      ['{"value":1,"partition":2}', /^7: "partition" must be an integer from 0 to 1, is 2$/],
      ['{"value":1,"timestamp":"now"}', /^8: "timestamp" must be whole milliseconds since 1970, is "now"$/],
      ['{"value":1,"timestmp":1}', /^9: "timestmp" is no field of a record .*; did you mean timestamp\?$/],
      ['{"value":1,"headers":{"h":1}}', /^10: header "h" is bytes: /],
      ['{"value":1,"headers":[]}', /^11: "headers" must be an object of texts$/],
    ] as const
    const { records, defects } = readRecordLines([...bad.map(([line]) => line), '{"value":1}'].join('\n'), json1)
    assert.deepEqual([defects.length, records.length], [bad.length, 1])
    for (const [index, [, pattern]] of bad.entries()) assert.match(defects[index] ?? '', pattern)
    assert.deepEqual(readRecordLines('{"value":1}', several).defects, ['1: it has no "topic"; the topology reads numbers, blobs'])
    assert.match(
      readRecordLines('{"topic":"numbers","value":1.5}', several).defects[0] ?? '',
      /\(nullable\(int64\)\): 1\.5 is no whole number/,
    )
  })
})
