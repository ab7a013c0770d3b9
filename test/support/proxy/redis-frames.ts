/** Redis' protocol as a proxy sees it (RESP2 and RESP3): where one message ends, and which command one is. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Cuts a stream into whole messages. */
export class RespReader {
  readonly #deliver: (message: Buffer) => void
  #pieces: Buffer[] = []
  #length = 0
  /** With fewer bytes than this the message at the front is not whole. */
  #needed = 0

  constructor(deliver: (message: Buffer) => void) {
    this.#deliver = deliver
  }

  /** @throws Error for what is not RESP */
  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length < this.#needed) return
    const bytes = Buffer.concat(this.#pieces)
    let at = 0
    for (let end = endOf(bytes, at); ; end = endOf(bytes, at)) {
      if (end.missing > 0) {
        this.#needed = bytes.length - at + end.missing
        break
      }
      this.#deliver(bytes.subarray(at, end.at))
      at = end.at
    }
    this.#pieces = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#length = bytes.length - at
  }
}

interface End {
  readonly at: number
  /** At least so many bytes are missing; 0: none. */
  readonly missing: number
}

const lineEnd = '\r\n'
/** One line, whatever it says: simple strings, errors, integers, nulls, doubles, booleans, big numbers. */
const lines = '+-:_,#('
/** Bytes behind their length: bulk strings, bulk errors, verbatim strings. */
const bulks = '$!='
/** Elements behind their number: arrays, sets, push messages; of maps and attributes, pairs. */
const lists: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }

function endOf(bytes: Buffer, start: number): End {
  let at = start
  for (let left = 1; left > 0; left--) {
    if (at >= bytes.length) return { at, missing: 1 }
    const type = String.fromCharCode(bytes[at] ?? 0)
    const line = bytes.indexOf(lineEnd, at)
    if (line < 0) return { at, missing: 1 }
    const number = Number(bytes.toString('latin1', at + 1, line))
    at = line + lineEnd.length
    if (lines.includes(type)) continue
    const each = lists[type]
    if ((!bulks.includes(type) && each === undefined) || !Number.isInteger(number)) throw new Error(`not RESP: ${type}`)
    // Null is −1 in RESP2. An attribute comes in front of the element that it is about.
    if (each !== undefined) left += Math.max(0, number) * each + (type === '|' ? 1 : 0)
    else if (number >= 0) at += number + lineEnd.length
    if (at > bytes.length) return { at, missing: at - bytes.length }
  }
  return { at, missing: 0 }
}

/** A command with its arguments, as clients send it. @throws Error for what is none */
export function commandOf(message: Buffer): readonly Buffer[] {
  const words: Buffer[] = []
  let line = message.indexOf(lineEnd)
  const count = Number(message.toString('latin1', 1, line))
  if (message[0] !== '*'.charCodeAt(0) || !(count > 0)) throw new Error('not a command')
  for (let i = 0; i < count; i++) {
    const begin = line + lineEnd.length
    line = message.indexOf(lineEnd, begin)
    const from = line + lineEnd.length
    line = from + Number(message.toString('latin1', begin + 1, line))
    words.push(message.subarray(from, line))
  }
  return words
}

/** A push message of RESP3 answers nothing. */
export const isPush = (message: Buffer): boolean => message[0] === '>'.charCodeAt(0)

const luaFolder = join(import.meta.dirname, '../../../service/state/lua')
const sources = readdirSync(luaFolder).map((file) => ({
  name: basename(file, '.lua'),
  source: readFileSync(join(luaFolder, file)),
}))
/** Of scripts that have gone by whole, by SHA-1. */
const seenScripts = new Map<string, string>()

/** The script that a command runs, by the name of its file or else its SHA-1; null where it runs none. */
export function scriptOf(name: string, words: readonly Buffer[]): string | null {
  const [, script] = words
  if (script === undefined || !/^EVAL(SHA)?(_RO)?$/.test(name)) return null
  if (name.startsWith('EVALSHA')) return seenScripts.get(script.toString('latin1')) ?? script.toString('latin1')
  const sha = createHash('sha1').update(script).digest('hex')
  // In front of the file there may be what all of them have in common.
  const isEnd = ({ source }: { readonly source: Buffer }) => script.subarray(-source.length).equals(source)
  const known = seenScripts.get(sha) ?? sources.find(isEnd)?.name
  if (known !== undefined) seenScripts.set(sha, known)
  return known ?? sha
}
