/** The entries of a store in memory, against maps; and that what is replaced or deleted gives its memory back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EntryTable } from '../../../service/state/entry-table.ts'

const megabyte = 2 ** 20
const bytes = (text: string) => Buffer.from(text, 'latin1')
const all = { entriesMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }

function set(table: EntryTable, bucket: string, key: string, value: Buffer): void {
  // In the middle of a block, as it is fetched.
  const block = Buffer.concat([bytes('..'), bytes(key), value, bytes('..')])
  const [start, end] = [2, 2 + key.length]
  table.set(bucket, block, start, end, block, end, end + value.length)
}
const remove = (table: EntryTable, bucket: string, key: string): void => table.delete(bucket, bytes(key), 0, key.length)

function contentsOf(table: EntryTable, bucket: string): Map<string, string> {
  const { entries, cursor } = table.scan(bucket, null, all.entriesMax, all.bytesMax)
  assert.equal(cursor, null)
  assert.equal(entries.length, table.size(bucket))
  return new Map(entries.map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')]))
}

const bucketNames = ['', '8000000000000001', '8000000000000002']
const bucket = fc.constantFrom(...bucketNames)
const key = fc.oneof(
  fc.nat(12).map((n) => `k${n}`),
  fc.nat(300).map((n) => `key-${n}`),
  fc.constantFrom('', '\u0000', '\u00ff'.repeat(90)),
)
const size = fc.oneof({ weight: 30, arbitrary: fc.nat(40) }, { weight: 5, arbitrary: fc.nat(6_000) }, fc.constant(1.5 * megabyte))
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set'), bucket, key, size, fill: fc.nat(255) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), bucket, key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get'), bucket, key }) },
)

test('holds what maps hold', () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const table = new EntryTable()
      const model = new Map(bucketNames.map((name) => [name, new Map<string, string>()]))
      for (const each of steps) {
        const wanted = model.get(each.bucket)
        if ('size' in each) {
          const value = Buffer.alloc(each.size, each.fill)
          set(table, each.bucket, each.key, value)
          wanted?.set(each.key, value.toString('latin1'))
        } else if (each.kind === 'delete') {
          remove(table, each.bucket, each.key)
          wanted?.delete(each.key)
        } else {
          const value = table.get(each.bucket, bytes(each.key))
          assert.equal(value?.toString('latin1'), wanted?.get(each.key))
        }
      }
      for (const [name, wanted] of model) assert.deepEqual(contentsOf(table, name), wanted)
      assert.deepEqual(table.buckets().toSorted(), bucketNames.filter((name) => (model.get(name)?.size ?? 0) > 0).toSorted())
    }),
  ))

test('a scan sees once whatever stays, though others come and go around it', () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(200), { maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(200), fc.boolean()), { maxLength: 200 }),
      fc.integer({ min: 1, max: 7 }),
      (present, allChanges, entriesMax) => {
        const table = new EntryTable()
        for (const n of present) set(table, '', `${n}`, bytes(`${n}`))
        const touched = new Set(allChanges.map(([n]) => n))
        const changes = [...allChanges]
        const seen: string[] = []
        let cursor: string | null = null
        do {
          const page = table.scan('', cursor, entriesMax, all.bytesMax)
          for (const each of page.entries) seen.push(each.key.toString('latin1'))
          cursor = page.cursor
          for (const [n, comes] of changes.splice(0, 5)) {
            if (comes) set(table, '', `${n}`, bytes('other'))
            else remove(table, '', `${n}`)
          }
        } while (cursor !== null)
        const staying = (keys: readonly string[]) => keys.filter((name) => !touched.has(Number(name))).toSorted()
        assert.deepEqual(staying(seen), staying(present.map(String)))
      },
    ),
  ))

test('what was replaced, shrunk, grown or deleted is no more than what is there', () => {
  const table = new EntryTable()
  const keys = Array.from({ length: 5_000 }, (_, n) => `key-${n}`)
  // A header and the key, with room to spare.
  const keyBytes = 24
  const sizes = [100, 400, 30, 700, 200, 5_000, 10]
  for (const length of sizes) {
    for (const name of keys) set(table, '', name, Buffer.alloc(length, name))
    assert.ok(table.byteLength <= 4 * keys.length * (length + keyBytes) + 2 * megabyte, `${table.byteLength} bytes for ${length}`)
  }
  for (const name of keys) assert.deepEqual(table.get('', bytes(name)), Buffer.alloc(10, name))
  for (const name of keys.slice(10)) remove(table, '', name)
  assert.ok(table.byteLength <= 2 * megabyte, `${table.byteLength} bytes for ten`)
  assert.deepEqual([...contentsOf(table, '').keys()].toSorted(), keys.slice(0, 10))
})

test('a small table takes little', () => {
  const table = new EntryTable()
  set(table, '', 'key', bytes('value'))
  assert.ok(table.byteLength <= 4_096, `${table.byteLength} bytes`)
})

test('what it gives is a copy', () => {
  const table = new EntryTable()
  set(table, '', 'key', bytes('value'))
  table.get('', bytes('key'))?.fill(0)
  for (const { key: name, value } of table.scan('', null, 1, 1).entries) {
    name.fill(0)
    value.fill(0)
  }
  assert.deepEqual(contentsOf(table, ''), new Map([['key', 'value']]))
})
