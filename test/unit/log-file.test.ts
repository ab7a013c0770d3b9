import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { LogFile } from '../../service/log-file.ts'
import { pinoLog } from '../../service/pino-log.ts'

/** A disk that takes so many bytes, until it is given room. */
class Disk {
  text = ''
  room = 0
  readonly file = new LogFile((bytes) => {
    const taken = bytes.subarray(0, this.room)
    if (taken.length === 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    this.text += taken.toString()
    this.room -= taken.length
    return taken.length
  })
}

test('lines are written as they are', () => {
  const disk = new Disk()
  disk.room = 100
  disk.file.write('one\n')
  disk.file.write('two\n')
  assert.equal(disk.text, 'one\ntwo\n')
})

test('what a full disk does not take is left out, counted, and told when it takes lines again', () => {
  const disk = new Disk()
  disk.room = 6
  for (const line of ['one\n', 'two\n', 'three\n']) disk.file.write(line)
  disk.room = 1000
  disk.file.write('four\n')
  disk.file.write('five\n')
  const missing = { level: 'warn', missing: 2, msg: 'the log could not be written (ENOSPC): lines are missing here' }
  assert.equal(disk.text, `one\ntw\n${JSON.stringify(missing)}\nfour\nfive\n`)
})

test('a pipe that is full for a moment gets the whole line, for good only the rest is left out', () => {
  let [text, refusals] = ['', 3]
  const file = new LogFile((bytes) => {
    if (refusals-- > 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
    text += bytes.toString()
    return bytes.length
  })
  file.write('one\n')
  assert.equal(text, 'one\n')
  refusals = Number.POSITIVE_INFINITY
  file.write('two\n')
  assert.equal(text, 'one\n')
})

test('a logger on a full disk goes on', { skip: !existsSync('/dev/full') && 'there is no /dev/full here' }, async () => {
  const log = pinoLog({ level: 'info', file: '/dev/full' })
  log.info({}, 'one')
  // An error that is only emitted comes later.
  await new Promise((resolve) => setImmediate(resolve))
  log.info({}, 'two')
})
