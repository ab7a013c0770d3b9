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

it('there are seven scripts, and what stands before each', () => {
  assert.deepEqual(files.sort(), [
    'acquire-store.lua',
    'apply-chunk.lua',
    'check-store.lua',
    'confirm-marker.lua',
    'count-entries.lua',
    'load-entries.lua',
    'rebuild-store.lua',
    'scan-entries.lua',
  ])
})

const sourceOf = (file: string) => readFileSync(new URL(file, folder), 'utf8')

it('the codes are those of the port', () => {
  const [, names = '', values = ''] = /^local (OK[A-Z, ]*) = ([\d, ]+)$/m.exec(sourceOf('check-store.lua')) ?? []
  assert.deepEqual(Object.fromEntries(names.split(', ').map((name, i) => [name, Number(values.split(', ')[i])])), scriptCode)
})

for (const file of files) {
  it(`${file} says what it is for`, () => {
    const own = file === 'check-store.lua' ? ['KEYS[1]', 'KEYS[2]', 'KEYS[3]'] : ['KEYS[1..3]', 'ARGV[1]', 'Returns {OK']
    for (const heading of ['Invariant:', ...own]) assert.ok(sourceOf(file).includes(heading), heading)
  })
}
