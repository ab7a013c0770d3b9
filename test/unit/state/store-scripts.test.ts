import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'node:test'
import { markerText, parseMarker, scriptCode } from '../../../service/state/store-scripts.ts'

const folder = new URL('../../../service/state/lua/', import.meta.url)
const files = readdirSync(folder)

it('markers survive as text', () => {
  const marker = { position: Number.MAX_SAFE_INTEGER, chunk: 12 }
  assert.deepEqual(parseMarker(markerText(marker)), marker)
  for (const text of ['rebuilding', '', '1', '1:', ':1', '-1:0', '1:0 ']) assert.equal(parseMarker(text), null)
})

it('there are six scripts', () => {
  assert.deepEqual(files.sort(), [
    'acquire-store.lua',
    'apply-chunk.lua',
    'count-entries.lua',
    'load-entries.lua',
    'rebuild-store.lua',
    'scan-entries.lua',
  ])
})

for (const file of files) {
  it(`${file} names the codes of the port, and says what it is for`, () => {
    const source = readFileSync(new URL(file, folder), 'utf8')
    const [, names = '', values = ''] = /^local (OK[A-Z, ]*) = ([\d, ]+)$/m.exec(source) ?? []
    const expected = names.split(', ').map((name) => (scriptCode as Record<string, number>)[name])
    assert.deepEqual(values.split(', ').map(Number), expected)
    for (const heading of ['Invariant:', 'KEYS[1]', 'ARGV[1]', 'Returns {OK']) assert.ok(source.includes(heading), heading)
  })
}
