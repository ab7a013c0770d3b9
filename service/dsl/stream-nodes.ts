/** Builds the nodes of stateless steps, sources and sinks: checked where they are given, and frozen. */
import type { CodecFor, Encoder } from '../codec/codec.ts'
import { json } from '../codec/json.ts'
import { text } from '../codec/text.ts'
import { type Duration, durationText } from '../duration.ts'
import type {
  BranchNode,
  FilterNode,
  FlatMapNode,
  LookupNode,
  MapNode,
  OutletNode,
  PeekNode,
  PrintNode,
  RekeyedNode,
  RepartitionNode,
  SinkNode,
  SourceNode,
  StaticTable,
  TopologyNode,
  UnionNode,
  UserFn,
  WithTimeNode,
} from '../topology/node.ts'
import {
  check,
  checkedChoice,
  checkedCodec,
  checkedFunction,
  checkedMs,
  checkedName,
  checkedTopic,
  checkedWhole,
} from './checks.ts'
import type { KeyByOptions, SinkOptions, SourceOptions } from './types.ts'

/** What every step that has neither name, store nor topic begins with. */
export const step = (...inputs: readonly TopologyNode[]) => ({
  name: undefined,
  inputs: Object.freeze(inputs),
  stores: Object.freeze([]),
  topics: Object.freeze([]),
})

const topicUse = (role: 'source' | 'repartition' | 'sink', name: string | undefined) =>
  Object.freeze([Object.freeze({ role, name })])

/** One node a topic. */
export function sourceNode(topic: string, options: SourceOptions<unknown, unknown>): SourceNode {
  const what = `stream('${topic}')`
  const { startAt = 'earliest', onInvalid = 'stop', onDeleted = 'stop', time, key = text() } = options
  const { lateness = 0, idleAfter = '1 minute', futureMax = '1 day' } = options
  if (typeof startAt === 'string') checkedChoice(`startAt of ${what}`, startAt, ['earliest', 'latest'])
  else checkedWhole(`startAt.timestamp of ${what}`, startAt.timestamp, 0)
  return Object.freeze({
    kind: 'source',
    ...step(),
    topics: topicUse('source', checkedTopic('stream', topic)),
    key: checkedCodec(`The key of ${what}`, key, ['decode']),
    value: checkedCodec(`The value of ${what}`, options.value, ['decode']),
    time: time === undefined ? undefined : checkedFunction(`time of ${what}`, time),
    onInvalid: checkedChoice(`onInvalid of ${what}`, onInvalid, ['stop', 'skip', 'dead-letter']),
    startAt: typeof startAt === 'string' ? startAt : Object.freeze({ timestamp: startAt.timestamp }),
    onDeleted: checkedChoice(`onDeleted of ${what}`, onDeleted, ['stop', 'earliest']),
    lateness: checkedMs(`lateness of ${what}`, lateness),
    idleAfter: idleAfter === false ? null : checkedMs(`idleAfter of ${what}`, idleAfter),
    futureMax: futureMax === false ? null : checkedMs(`futureMax of ${what}`, futureMax),
  })
}

export const mapNode = (input: TopologyNode, fn: UserFn): MapNode =>
  Object.freeze({ kind: 'map', ...step(input), fn: checkedFunction('map', fn) })

export const flatMapNode = (input: TopologyNode, fn: UserFn<Iterable<unknown>>): FlatMapNode =>
  Object.freeze({ kind: 'flatMap', ...step(input), fn: checkedFunction('flatMap', fn) })

export const filterNode = (input: TopologyNode, fn: UserFn<boolean>): FilterNode =>
  Object.freeze({ kind: 'filter', ...step(input), fn: checkedFunction('filter', fn) })

export const peekNode = (input: TopologyNode, fn: UserFn): PeekNode =>
  Object.freeze({ kind: 'peek', ...step(input), fn: checkedFunction('peek', fn) })

export const lookupNode = (
  input: TopologyNode,
  table: StaticTable,
  { keyOf, combine }: Pick<LookupNode, 'keyOf' | 'combine'>,
): LookupNode =>
  Object.freeze({
    kind: 'lookup',
    ...step(input),
    detail: `table: ${table.source}`,
    table,
    keyOf: checkedFunction('keyOf of lookup', keyOf),
    combine: checkedFunction('combine of lookup', combine),
  })

export function withTimeNode(
  input: TopologyNode,
  fn: UserFn<number>,
  { lateness = 0 }: { readonly lateness?: Duration } = {},
): WithTimeNode {
  const latenessMs = checkedMs('lateness of withTime', lateness)
  return Object.freeze({
    kind: 'withTime',
    ...step(input),
    ...(latenessMs > 0 ? { detail: `lateness ${durationText(latenessMs)}` } : {}),
    fn: checkedFunction('withTime', fn),
    latenessMs,
  })
}

export const unionNode = (inputs: readonly TopologyNode[]): UnionNode => Object.freeze({ kind: 'union', ...step(...inputs) })

/** The outlets of a branch by name, `rest` last. */
export function branchOutlets(
  input: TopologyNode,
  branches: Readonly<Record<string, UserFn<boolean>>>,
): readonly (readonly [name: string, outlet: OutletNode])[] {
  const tests = Object.entries(branches).map(([name, fn]) => {
    // Names such as '2' and '1' would be tested in numerical order, whatever order they were written in.
    check(
      /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) && name !== 'rest',
      `A branch is named '${name}'; a name begins with a letter, and is not 'rest'.`,
    )
    return Object.freeze({ name, fn: checkedFunction(`Branch '${name}'`, fn) })
  })
  const node: BranchNode = Object.freeze({ kind: 'branch', ...step(input), tests: Object.freeze(tests) })
  return [...tests.map((test) => test.name), 'rest'].map((name, branch) => [
    name,
    Object.freeze({ kind: 'outlet', ...step(node), name, branch }),
  ])
}

type RepartitionOptions = KeyByOptions & { readonly value?: CodecFor<unknown> }

/** keyBy. Unnamed, its topic gets its name from the store downstream, once that is known. */
export function keyByNode(
  input: TopologyNode,
  keyOf: UserFn<string | number | bigint>,
  { name, partitions, alreadyPartitioned = false, value = json() }: RepartitionOptions = {},
): RepartitionNode {
  checkedFunction('keyBy', keyOf)
  if (name !== undefined) checkedName('a keyBy', name)
  if (partitions !== undefined) checkedWhole('partitions of keyBy', partitions, 1)
  check(
    !alreadyPartitioned || (name === undefined && partitions === undefined),
    'A keyBy with `alreadyPartitioned` has no repartition topic, and so neither `name` nor `partitions`.',
  )
  return Object.freeze({
    kind: 'repartition',
    ...step(input),
    name,
    label: 'keyBy',
    topics: alreadyPartitioned ? Object.freeze([]) : topicUse('repartition', name),
    keyOf,
    value: checkedCodec('The value of keyBy', value, ['encode', 'decode']),
    partitions,
    alreadyPartitioned,
  })
}

/** global: keyBy with one key and one partition. */
export function globalNode(
  input: TopologyNode,
  options: Omit<RepartitionOptions, 'partitions' | 'alreadyPartitioned'> = {},
): RepartitionNode {
  const { name, value = json() } = options
  return Object.freeze({
    ...keyByNode(input, () => '', { ...(name === undefined ? {} : { name }), value, partitions: 1 }),
    label: 'global',
  })
}

export const rekeyedNode = (input: TopologyNode, kind: 'byKey' | 'records'): RekeyedNode =>
  Object.freeze({ kind, ...step(input) })

/** Options of `to` of any stream. */
export type AnySinkOptions = SinkOptions<unknown, unknown> & { readonly key?: Encoder<unknown>; readonly keyOf?: UserFn<string> }

/** `table`: null is written for a deleted row. */
export function sinkNode(
  input: TopologyNode,
  topic: string | UserFn<string>,
  sink: { readonly table: boolean; readonly options: AnySinkOptions },
): SinkNode {
  const { key, keyOf, partition, headers, value } = sink.options
  const named = typeof topic === 'function' ? undefined : checkedTopic('to', topic)
  const what = named === undefined ? 'to' : `to('${named}')`
  check(!sink.table || named !== undefined, 'A table is written to one topic: give its name.')
  check(key === undefined || keyOf === undefined, `${what} has both \`key\` and \`keyOf\`: give one of them.`)
  for (const [name, fn] of Object.entries({ keyOf, partition, headers }))
    if (fn !== undefined) checkedFunction(`${name} of ${what}`, fn)
  return Object.freeze({
    kind: 'sink',
    ...step(input),
    topics: topicUse('sink', named),
    topic,
    value: checkedCodec(`The value of ${what}`, value, ['encode']),
    key: key === undefined ? undefined : checkedCodec(`The key of ${what}`, key, ['encode']),
    keyOf,
    partition,
    headers,
    table: sink.table,
  })
}

export const printNode = (input: TopologyNode, rows: number): PrintNode =>
  Object.freeze({ kind: 'print', ...step(input), rows: checkedWhole('rows of print', rows, 1) })
