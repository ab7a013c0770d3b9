/** keyBy and global, upstream side: records leave for a repartition topic, in the transaction, or only change their key. */
import { writableEncoderOf } from '../codec/codec.ts'
import { keyDecoders } from '../codec/text-keys.ts'
import { type RawHeaders, type RecordInput, type StreamRecord } from '../source/record.ts'
import { type Failed, type Push, RefusedError } from '../source/push.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import type { Watermark } from '../time/watermark.ts'
import type { RepartitionNode } from '../topology/node.ts'
import type { KeyKinds } from './key-kinds.ts'
import { KeyKindGuard, latin1OfText } from './key-kind.ts'
import { encodeOrigin, type OriginHeader, originHeaderName } from './origin-header.ts'

export interface RepartitionParts {
  readonly node: RepartitionNode
  /** Its full name. */
  readonly topic: string
  /** The topology's source topics, sorted. */
  readonly sourceTopics: readonly string[]
  readonly outputs: OutputBuffer
  readonly failed: Failed
  /** Where somebody downstream goes by slots: the present one. */
  readonly slot?: Watermark | undefined
}

const operatorOf = ({ label }: RepartitionNode): string => label ?? 'keyBy'

/** Keys travel as text, the user's headers behind ours. */
export function repartitionOutput({ node, topic, sourceTopics, outputs, failed, slot }: RepartitionParts): Push {
  const operator = operatorOf(node)
  const encode = writableEncoderOf(node.value)
  const kinds = new KeyKindGuard()
  const topicIndexes = new Map(sourceTopics.map((name, index) => [name, index]))
  const originOf = (record: StreamRecord): OriginHeader['origin'] => {
    const origin = record.origin
    const index = origin === undefined ? undefined : topicIndexes.get(origin.topic)
    return origin === undefined || index === undefined
      ? undefined
      : { topic: index, partition: origin.partition, offset: origin.offset }
  }
  // A row has none: it is in the slot of whoever takes it.
  const slotOf = (record: StreamRecord, origin: OriginHeader['origin']): number => {
    if (slot === undefined || origin === undefined || record.slot > Number.NEGATIVE_INFINITY) return record.slot
    return slot.value
  }
  return (value, record) => {
    const { timestamp } = record
    let key: string
    let bytes: Buffer | string | null
    let headers: RawHeaders
    try {
      const given = node.keyOf(value, record)
      const keyKind = kinds.check(given)
      key = String(given)
      bytes = encode(value)
      const origin = originOf(record)
      const cutIn = slotOf(record, origin)
      const header = encodeOrigin({
        keyKind,
        ...(origin === undefined ? {} : { origin }),
        ...(record.stamp > Number.NEGATIVE_INFINITY ? { lateStamp: record.stamp } : {}),
        ...(timestamp < 0 ? { negativeTime: timestamp } : {}),
        ...(cutIn > Number.NEGATIVE_INFINITY ? { slot: cutIn } : {}),
      })
      headers = [[originHeaderName, header], ...record.rawHeaders]
    } catch (error) {
      return failed(operator, error, record)
    }
    try {
      outputs.append(topic, undefined, key, bytes, Math.max(0, timestamp), headers)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      failed(operator, error, record)
    }
  }
}

/** With `alreadyPartitioned` there is no topic between: the new key is the record's from here on. */
export function rekey(
  node: RepartitionNode,
  { failed, next, keyKinds }: Pick<RepartitionParts, 'failed'> & { readonly next: Push; readonly keyKinds: KeyKinds },
): Push {
  const operator = operatorOf(node)
  const kinds = new KeyKindGuard()
  let from: RecordInput | undefined
  let to: RecordInput | undefined
  return (value, record) => {
    let rekeyed: StreamRecord
    try {
      const key = node.keyOf(value, record)
      const kind = kinds.check(key)
      if (to === undefined || from !== record.input) {
        keyKinds.note(node, kind)
        from = record.input
        to = from.withKeys(keyDecoders[kind])
      }
      rekeyed = record.withKey(to, latin1OfText(String(key)), key)
    } catch (error) {
      return failed(operator, error, record)
    }
    next(value, rekeyed)
  }
}
