/** withTime: a new event time for each record, and a new watermark per source partition. Other readers of the stream see the old ones. */
import type { Failed, Push } from '../source/push.ts'
import type { RecordInput, StreamRecord } from '../source/record.ts'
import type { EventTime } from '../time/task-clock.ts'
import type { SourceTime } from '../time/task-time.ts'
import type { SourceNode, WithTimeNode } from '../topology/node.ts'
import { isSource, topologicalOrder } from '../topology/order.ts'
import { timeReader, Witness } from './event-time.ts'
import type { Policies } from './policies.ts'

export interface WithTimeParts {
  readonly node: WithTimeNode
  readonly policies: Policies
  readonly failed: Failed
  readonly next: Push
  /** Where somebody downstream goes by event time: as it is from here on, and the wall clock at the cut, ms. */
  readonly time?: { readonly behind: EventTime; readonly now: () => number }
}

/** What is no time, or too far ahead of the clock, gets the `onInvalid` of the source that the record came from. */
export function withTime({ node, policies, failed, next, time }: WithTimeParts): Push {
  const read = timeReader('withTime', node.fn, { policies, failed })
  const sources = new Map(
    topologicalOrder(node.inputs)
      .filter(isSource)
      .map((source) => [source.topics[0]?.name, source]),
  )
  const witness = time === undefined ? undefined : new Witness(policies, time.now)
  // By input: a union may bring the records of one slice under several keys, in turns.
  const known = new WeakMap<RecordInput, TimedSlice>()
  const opened = (input: RecordInput): TimedSlice => {
    const slice = new TimedSlice(input, sources.get(input.topic), time?.behind.sourceOf(input.topic, input.partition))
    known.set(input, slice)
    return slice
  }
  let from: RecordInput | undefined
  let slice: TimedSlice | undefined
  return (value, record) => {
    if (slice === undefined || from !== record.input) {
      from = record.input
      slice = known.get(from) ?? opened(from)
    }
    const { source, partition } = slice
    const at = read(value, record, source.onInvalid)
    if (at === undefined) return
    const timed = slice.at(record, at)
    if (partition === undefined || witness?.sees(timed, partition, source) === true) next(value, timed)
  }
}

/** The records of one slice, with the times of the withTime. */
class TimedSlice {
  readonly source: SourceNode
  readonly partition: SourceTime | undefined
  readonly #from: RecordInput
  /** A record that a flatMap has made many of has as many times: the n-th of them stands in the n-th input. */
  readonly #inputs: RecordInput[] = []
  #index = -1
  #nth = 0

  constructor(from: RecordInput, source: SourceNode | undefined, partition: SourceTime | undefined) {
    if (source === undefined) throw new RangeError(`no source of withTime reads ${from.topic}`)
    this.source = source
    this.partition = partition
    this.#from = from
  }

  at(record: StreamRecord, time: number): StreamRecord {
    this.#nth = record.index === this.#index ? this.#nth + 1 : 0
    this.#index = record.index
    const input = (this.#inputs[this.#nth] ??= this.#from.withTimes())
    input.timestamps[record.index - input.first] = time
    return record.withTimes(input)
  }
}
