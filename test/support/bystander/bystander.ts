/**
 * `Bystander.java` as a test sees it: input that is sent and acknowledged, output as a read_committed reader sees it while it is written, the
 * group's offsets as they move, and in the end everything once more. It shares no code with the service but where the sandbox keeps the jars.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { placeOf } from '../checker/anomaly.ts'
import type { CommittedOffset, FinalRead, LogRecord, PartitionEnds, SeenRecord } from '../checker/history.ts'
import { bystanderClasses } from './compile.ts'

export interface BystanderOptions {
  readonly brokers: readonly string[]
  /** Whose offsets are watched. */
  readonly group: string
  /** What is written to. */
  readonly input: string
  /** What is read along. Topics that exist. */
  readonly outputs: readonly string[]
}

export interface Acknowledged {
  readonly partition: number
  readonly offset: number
}

const javaOptions = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, '../../../service/sandbox/log4j2.properties')}`
const finishTimeoutMs = 180_000

export class Bystander {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #waiting = new Map<number, PromiseWithResolvers<Acknowledged>>()
  readonly #read = { committed: [] as LogRecord[], raw: [] as LogRecord[], ends: [] as PartitionEnds[] }
  readonly #finished = Promise.withResolvers<void>()
  #isAskedToEnd = false
  #number = 0
  #stderr = ''
  /** In the order in which they were seen. */
  readonly seen: SeenRecord[] = []
  /** Each when it was first seen so, in order. */
  readonly offsets: CommittedOffset[] = []
  /** By topic and partition (`topic-0`), the last of them. */
  readonly committed = new Map<string, number>()
  /** What it could not do: whoever compares must know. */
  readonly troubles: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null || child.stderr === null) throw new Error('it has no output')
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line.split('\t')))
    child.stderr.on('data', (bytes: Buffer) => (this.#stderr = (this.#stderr + bytes.toString()).slice(-20_000)))
    // What ends early is told by whoever waits for it.
    child.stdin?.on('error', () => {})
    this.#finished.promise.catch(() => {})
    this.#ended = new Promise((resolve) => {
      child.once('close', (code) => {
        if (!this.#isAskedToEnd) this.#fail(new Error(`the bystander has ended (${code}): ${this.#stderr}`))
        resolve()
      })
    })
  }

  static async start({ brokers, group, input, outputs }: BystanderOptions): Promise<Bystander> {
    const classes = await bystanderClasses()
    const args = [...javaOptions, logging, '-cp', classes, 'Bystander', brokers.join(','), group, input, ...outputs]
    return new Bystander(spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  /** Resolves when all brokers that have to have it, have it. Without a partition it goes where its key belongs. */
  send(key: string, value: string, partition?: number): Promise<Acknowledged> {
    const number = this.#number++
    const answer = Promise.withResolvers<Acknowledged>()
    this.#waiting.set(number, answer)
    this.#tell('send', number, partition ?? -1, base64(key), base64(value))
    return answer.promise
  }

  /** Reads all these topics from their beginnings to their present ends, and whatever others match. */
  async finish(topics: RegExp): Promise<FinalRead> {
    this.#tell('finish', topics.source)
    const timeout = setTimeout(() => this.#fail(new Error('the final read takes too long')), finishTimeoutMs)
    try {
      await this.#finished.promise
    } finally {
      clearTimeout(timeout)
    }
    return this.#read
  }

  async close(): Promise<void> {
    this.#isAskedToEnd = true
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #tell(...fields: readonly (string | number)[]): void {
    this.#child.stdin?.write(`${fields.join('\t')}\n`)
  }

  #hear([word, ...fields]: readonly string[]): void {
    switch (word) {
      case 'acked':
        return this.#settle(fields)?.resolve({ partition: Number(fields[1]), offset: Number(fields[2]) })
      case 'refused':
        return this.#settle(fields)?.reject(new Error(`the input was not taken: ${fields[1]}`))
      case 'seen':
        return void this.seen.push({ atMs: Number(fields[0]), ...recordOf(fields.slice(1)) })
      case 'offset':
        return this.#committed(offsetOf(fields))
      case 'committed':
      case 'raw':
        return void this.#read[word].push(recordOf(fields))
      case 'ends':
        return void this.#read.ends.push(endsOf(fields))
      case 'finished':
        return this.#finished.resolve()
      default:
        this.troubles.push([word, ...fields].join(' '))
        if (fields[0]?.startsWith('the final read')) this.#finished.reject(new Error(this.troubles.join('\n')))
    }
  }

  #committed(offset: CommittedOffset): void {
    this.offsets.push(offset)
    this.committed.set(placeOf(offset), offset.offset)
  }

  #settle([number]: readonly string[]): PromiseWithResolvers<Acknowledged> | undefined {
    const answer = this.#waiting.get(Number(number))
    this.#waiting.delete(Number(number))
    return answer
  }

  #fail(error: Error): void {
    this.troubles.push(error.message)
    this.#finished.reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
/** Bytes as latin1, so that whatever they are, nothing of them is lost. */
const bytesOf = (text: string | undefined) => (text === '-' ? null : Buffer.from(text ?? '', 'base64').toString('latin1'))

function recordOf([topic = '', partition, offset, timestamp, key, value]: readonly string[]): LogRecord {
  const numbers = { partition: Number(partition), offset: Number(offset), timestamp: Number(timestamp) }
  return { topic, ...numbers, key: bytesOf(key), value: bytesOf(value) }
}

function offsetOf([atMs, topic = '', partition, offset, metadata]: readonly string[]): CommittedOffset {
  const numbers = { atMs: Number(atMs), partition: Number(partition), offset: Number(offset) }
  return { topic, ...numbers, metadata: bytesOf(metadata) ?? '' }
}

function endsOf([topic = '', partition, first, stable, end]: readonly string[]): PartitionEnds {
  return { topic, partition: Number(partition), first: Number(first), stable: Number(stable), end: Number(end) }
}
