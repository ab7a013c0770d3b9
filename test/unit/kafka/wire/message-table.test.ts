import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inVersions, messageTable, parseTables } from '../../../../service/kafka/wire/message-table.ts'

test('ranges of versions', () => {
  const versions = (range: string) => [0, 1, 2, 3, 4].filter((version) => inVersions(range, version))
  assert.deepEqual(versions('3+'), [3, 4])
  assert.deepEqual(versions('1-2'), [1, 2])
  assert.deepEqual(versions('2'), [2])
  assert.deepEqual(versions('none'), [])
})

test('a table is read with its nesting, nulls, tags and defaults', () => {
  const tables = parseTables(`
Sample 7 request 0-3 flexible 2+
  name string 0+ nullable 1+ tag 0 2+ default null
  topics []Topic 0+
    id uuid 1+
    partitions []int32 0+
  timeoutMs int32 0+ default -1
`)
  const table = tables.get('Sample request')
  assert.deepEqual(table && { ...table, fields: table.fields.map(({ name }) => name) }, {
    api: 'Sample',
    key: 7,
    kind: 'request',
    versions: '0-3',
    flexible: '2+',
    fields: ['name', 'topics', 'timeoutMs'],
  })
  assert.deepEqual(table?.fields[0], {
    name: 'name',
    type: 'string',
    versions: '0+',
    nullable: '1+',
    tag: { number: 0, versions: '2+' },
    default: null,
    fields: [],
  })
  assert.deepEqual(
    table?.fields[1]?.fields.map(({ name, type }) => [name, type]),
    [
      ['id', 'uuid'],
      ['partitions', '[]int32'],
    ],
  )
  assert.equal(table?.fields[2]?.default, -1)
})

test('a line that is no field, and an API that has no table, are named', () => {
  assert.throws(() => parseTables('Sample 7 request 0 flexible none\n  name'), /no field: name/)
  assert.throws(() => messageTable('Nothing', 'request'), /Nothing/)
})
