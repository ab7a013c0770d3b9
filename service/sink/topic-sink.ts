/** `to`: encodes records for a topic, and gives those on which code of the topology throws to the policy. */
import { writableEncoderOf } from '../codec/codec.ts'
import type { RecordHeader } from '../kafka/records/record-batch-builder.ts'
import { type Failed, type Push, RefusedError } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { SinkNode, Value } from '../topology/node.ts'
import type { OutputBuffer } from './output-buffer.ts'
import type { Content } from './topic-output.ts'

export interface TopicSinkParts {
  readonly node: SinkNode
  readonly outputs: OutputBuffer
  readonly failed: Failed
}

export function topicSink({ node, outputs, failed }: TopicSinkParts): Push {
  const { table, partition } = node
  const operator = typeof node.topic === 'string' ? `to '${node.topic}'` : 'to'
  const encode = writableEncoderOf(node.value)
  const topicOf = topicFunction(node)
  const keyOf = keyFunction(node)
  const headersOf = headersFunction(node)
  return (value, record, before) => {
    // Of a deleted row, functions of the topology see the row as it was.
    const deleted = table && value === undefined
    const shown = deleted ? before : value
    let topic: string
    let key: Content
    let bytes: Content
    let headers: readonly RecordHeader[]
    try {
      topic = topicOf(shown, record)
      key = keyOf(shown, record)
      bytes = deleted ? null : checkedContent(encode(value), node.value.name)
      headers = headersOf(shown, record)
    } catch (error) {
      return failed(operator, error, record)
    }
    const { timestamp } = record
    if (!outputs.knows(topic)) {
      const refused = (error: RefusedError) => failed(operator, error, record)
      return outputs.appendLater({ topic, partition, key, value: bytes, timestamp, headers, refused })
    }
    try {
      outputs.append(topic, partition, key, bytes, timestamp, headers)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      failed(operator, error, record)
    }
  }
}

function topicFunction({ topic }: SinkNode): (value: Value, record: StreamRecord) => string {
  if (typeof topic === 'string') return () => topic
  return (value, record) => {
    const name: unknown = topic(value, record)
    if (typeof name === 'string' && name !== '') return name
    throw new TypeError(`a topic's name is a string, and the function returned ${String(name)}`)
  }
}

/** By default the record's own key bytes. A record without a key leaves without one, unless `keyOf` gives it one. */
function keyFunction({ key: encoder, keyOf }: SinkNode): (value: Value, record: StreamRecord) => Content {
  if (keyOf !== undefined) {
    return (value, record) => {
      const key: unknown = keyOf(value, record)
      if (typeof key === 'string') return key
      throw new TypeError(`keyOf returns a string, and returned ${typeof key}`)
    }
  }
  if (encoder === undefined) return (_, record) => record.writableKey
  const encode = writableEncoderOf(encoder)
  return (_, record) => (record.hasKey ? checkedContent(encode(record.key), encoder.name) : null)
}

/** By default the headers of the record, where it still has them. */
function headersFunction({ headers }: SinkNode): (value: Value, record: StreamRecord) => readonly RecordHeader[] {
  if (headers === undefined) return (_, record) => record.rawHeaders
  return (value, record) => {
    const entries = Object.entries(headers(value, record))
    for (const [name, content] of entries) checkedContent(content, `headers: '${name}'`)
    return entries
  }
}

function checkedContent(content: Content, what: string): Content {
  if (typeof content === 'string' || content === null || (content as unknown) instanceof Uint8Array) return content
  throw new TypeError(`${what} gave ${typeof content}, and bytes were due`)
}
