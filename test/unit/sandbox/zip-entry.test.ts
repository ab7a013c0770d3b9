/** Entries of a zip archive made by hand: stored, deflated, missing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { zipEntry } from '../../../service/sandbox/zip-entry.ts'

interface File {
  readonly name: string
  readonly contents: string
  readonly deflated: boolean
}

/** As streaming archivers write it: the local header leaves sizes out, and has an extra field that the directory has not. */
function zip(files: readonly File[]): Buffer {
  const local: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, contents, deflated } of files) {
    const bytes = deflated ? deflateRawSync(contents) : Buffer.from(contents)
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(name.length, 26)
    header.writeUInt16LE(4, 28)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(deflated ? 8 : 0, 10)
    entry.writeUInt32LE(bytes.length, 20)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(at, 42)
    local.push(header, Buffer.from(name), Buffer.alloc(4), bytes)
    directory.push(entry, Buffer.from(name))
    at += 34 + name.length + bytes.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...local, ...directory, end])
}

const archive = zip([
  { name: 'plain', contents: 'as it is', deflated: false },
  { name: 'packed', contents: 'x'.repeat(10_000), deflated: true },
])

test('a stored and a deflated entry are read', () => {
  assert.equal(zipEntry(archive, 'plain').toString(), 'as it is')
  assert.equal(zipEntry(archive, 'packed').toString(), 'x'.repeat(10_000))
})

test('a missing entry and a file that is no archive are named', () => {
  assert.throws(() => zipEntry(archive, 'absent'), /has no entry absent/)
  assert.throws(() => zipEntry(Buffer.from('not a zip'), 'plain'), /not a zip archive/)
})
