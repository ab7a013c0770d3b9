/** Subscriptions and assignments in Kafka's own consumer encoding, so that lag tools read them; what is ours travels as user data. */
import { FatalError } from '../errors.ts'
import { isCount, isListOf, isObject, isText, type JsonObject } from '../json-shape.ts'
import { isTaskId, type TaskId } from '../task-id.ts'

/** Partitions of topics, as lag tools see them. */
export type TopicPartitions = readonly { readonly topic: string; readonly partitions: readonly number[] }[]

/** Our part of a subscription, as JSON. */
export interface SubscriptionData {
  readonly fingerprint: string
  readonly transactionalIds: readonly string[]
  /** The tasks that the member owns, and the generation that gave them to it. */
  readonly tasks: readonly TaskId[]
  readonly generation: number
}

/** Our part of an assignment, as JSON. */
export interface AssignmentData {
  readonly fingerprint: string
  readonly liveIds: readonly string[]
  /** How many the group has. */
  readonly members: number
  readonly tasks: readonly TaskId[]
  /** Member ids that run another topology. */
  readonly refused: readonly string[]
  /**
   * Only while tasks are on their way from one member to another: the member that this was made for. Who finds another's id there has come
   * back statically, without a rebalance, and may be the one that was to give something up: it has to begin the second phase.
   */
  readonly unfinishedFor?: string
}

const subscriptionVersion = 2
const assignmentVersion = 1

/** ConsumerProtocolSubscription, version 2. */
export function encodeSubscription(topics: readonly string[], owned: TopicPartitions, data: SubscriptionData): Buffer {
  return Buffer.concat([
    int16(subscriptionVersion),
    int32(topics.length),
    ...topics.map(text),
    bytes(json(data)),
    ...topicPartitions(owned),
    int32(data.generation),
  ])
}

/** The user data of a subscription of any version. @throws FatalError for one that caudal did not write. */
export function decodeSubscription(metadata: Buffer): SubscriptionData {
  const reader = new Reader(metadata)
  reader.int16()
  for (let left = reader.int32(); left > 0; left--) reader.take(reader.int16())
  const data = parsed(reader.take(reader.int32()))
  if (!isSubscription(data)) throw foreign()
  return data
}

/** ConsumerProtocolAssignment, version 1. */
export function encodeAssignment(assigned: TopicPartitions, data: AssignmentData): Buffer {
  return Buffer.concat([int16(assignmentVersion), ...topicPartitions(assigned), bytes(json(data))])
}

/** The user data of an assignment; null for an empty one, which a member has that the leader did not see. @throws FatalError as above */
export function decodeAssignment(assignment: Buffer): AssignmentData | null {
  if (assignment.length === 0) return null
  const reader = new Reader(assignment)
  reader.int16()
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.take(reader.int16())
    reader.take(4 * reader.int32())
  }
  const data = parsed(reader.take(reader.int32()))
  if (!isAssignment(data)) throw foreign()
  return data
}

class Reader {
  readonly #buffer: Buffer
  #offset = 0
  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }
  int16(): number {
    return this.take(2).readInt16BE()
  }
  int32(): number {
    return this.take(4).readInt32BE()
  }
  take(length: number): Buffer {
    const end = this.#offset + Math.max(0, length)
    if (end > this.#buffer.length) throw foreign()
    const taken = this.#buffer.subarray(this.#offset, end)
    this.#offset = end
    return taken
  }
}

const foreign = (cause?: unknown) =>
  new FatalError(
    'A member of the group that is no caudal of this version uses the same application id: stop it, or choose another id',
    { cause },
  )

function parsed(data: Buffer): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(data.toString())
  } catch (error) {
    throw foreign(error)
  }
  if (!isObject(value)) throw foreign()
  return value
}

/** A generation is −1 before there was one. */
const isSubscription = (data: JsonObject): data is JsonObject & SubscriptionData =>
  isText(data['fingerprint']) &&
  isListOf(data['transactionalIds'], isText) &&
  isListOf(data['tasks'], isTaskId) &&
  Number.isSafeInteger(data['generation'])

const isAssignment = (data: JsonObject): data is JsonObject & AssignmentData =>
  isText(data['fingerprint']) &&
  isListOf(data['liveIds'], isText) &&
  isCount(data['members']) &&
  isListOf(data['tasks'], isTaskId) &&
  isListOf(data['refused'], isText) &&
  (data['unfinishedFor'] === undefined || isText(data['unfinishedFor']))

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string): Buffer {
  const content = Buffer.from(value)
  return Buffer.concat([int16(content.length), content])
}

const bytes = (content: Buffer) => Buffer.concat([int32(content.length), content])
const json = (data: SubscriptionData | AssignmentData) => Buffer.from(JSON.stringify(data))

function topicPartitions(list: TopicPartitions): Buffer[] {
  return [
    int32(list.length),
    ...list.map(({ topic, partitions }) => Buffer.concat([text(topic), int32(partitions.length), ...partitions.map(int32)])),
  ]
}
