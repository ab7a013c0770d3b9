/** Builds the nodes of a top: the first rows of each task, sent to one task, which merges them. */
import { isDeepStrictEqual } from 'node:util'
import type { CodecFor, Decoder } from '../codec/codec.ts'
import { json } from '../codec/json.ts'
import { keyDecoders } from '../codec/text-keys.ts'
import { type RankedRow, type TopPart, type TopState, topParts, topStates } from '../codec/top.ts'
import type {
  AggregateFunctions,
  AggregateNode,
  AlignedWindows,
  Key,
  RepartitionNode,
  TopologyNode,
  TopPartNode,
  Value,
  WindowNode,
} from '../topology/node.ts'
import { Ranking } from '../topology/ranking.ts'
import { check, checkedFunction, checkedName, checkedStateCodec, checkedWhole } from './checks.ts'
import { globalNode, step } from './stream-nodes.ts'
import { aggregateNode } from './table-nodes.ts'
import { windowNode } from './window-nodes.ts'

export interface TopOptions {
  readonly name: string
  readonly n: number
  readonly compare: (a: Value, b: Value) => number
  readonly state?: CodecFor<unknown>
}

/** Over a table: one row, under the key `''`. */
export function tableTopNode(input: TopologyNode, options: TopOptions): AggregateNode {
  const { name, ranking, codec, parts } = partsOf(input, options)
  const take = (state: TopState, part: TopPart) => taken(state, part, ranking)
  return aggregateNode(parts, { name, codec: topStates(codec) as CodecFor<unknown>, functions: functions(input, ranking, take) })
}

/** Per window: a row for each end, which is final when all tasks have told their final rows. */
export function windowTopNode(input: WindowNode, options: TopOptions): WindowNode {
  const { windows } = input
  check(
    windows.kind === 'aligned',
    `top '${options.name}' is over ${windows.kind === 'session' ? 'sessions' : 'sliding windows'}, which lie differently for each key, so that no two keys share a window: take tumbling() or hopping().`,
  )
  const { name, ranking, codec, parts } = partsOf(input, options)
  const take = (state: TopState, part: TopPart) => {
    const now = taken(state, part, ranking)
    return now.final.length > 0 || now.open.some(({ rows }) => rows.length > 0) ? now : undefined
  }
  const aggregate = { name, codec: topStates(codec) as CodecFor<unknown>, functions: functions(input, ranking, take) }
  return windowNode(parts, mergingWindows(windows), aggregate)
}

function partsOf(input: TopologyNode, { name, n, compare, state = json() }: TopOptions) {
  const what = `top '${checkedName('a top', name)}'`
  checkedWhole(`The number of rows of ${what}`, n, 1)
  const ranking = new Ranking({ name, n, compare: checkedFunction(`compare of ${what}`, compare) })
  const codec = checkedStateCodec(what, state)
  const part: TopPartNode = Object.freeze({
    kind: 'topPart',
    ...step(input),
    name,
    label: 'top',
    detail: `first ${n}`,
    ranking,
  })
  const parts: RepartitionNode = globalNode(part, { name, value: topParts(codec) as CodecFor<unknown> })
  return { name, ranking, codec, parts }
}

/** A part carries the last moment of its window, and lies in the one window of these that ends with it. */
function mergingWindows({ sizeMs, advanceMs, offsetMs, rowSizeMs = sizeMs }: AlignedWindows): AlignedWindows {
  const offset = (offsetMs + sizeMs) % advanceMs
  return { kind: 'aligned', sizeMs: advanceMs, advanceMs, offsetMs: offset, graceMs: 0, rowSizeMs }
}

/** Final rows come in parts where a close is spread over batches; what a task has shown before them is not of use any more. */
function taken({ final, open }: TopState, { partition, isFinal, rows }: TopPart, ranking: Ranking): TopState {
  const others = open.filter((part) => part.partition !== partition)
  if (isFinal) return { final: ranking.first([...final, ...rows]), open: others }
  return { final, open: [...others, { partition, rows }] }
}

type Take = (state: TopState, part: TopPart) => TopState | undefined

function functions(input: TopologyNode, ranking: Ranking, take: Take): AggregateFunctions {
  const decoders = { ...keyDecoders, o: sourceKeyOf(input) }
  const keyOf = ({ key, keyKind }: RankedRow): Key => decoders[keyKind].decode(Buffer.from(key, 'latin1'))
  const first = ({ final, open }: TopState) => ranking.first([...final, ...open.flatMap(({ rows }) => rows)])
  const finish = (state: TopState) => first(state).map((row) => ({ key: keyOf(row), value: row.value }))
  // The first rows of a task change more often than those of all.
  const isSame = (state: TopState, before: TopState) => isDeepStrictEqual(first(state), first(before))
  const unable = { remove: undefined, merge: undefined }
  // What comes in was given out by `initial`, `add` or the codec, and values by that of the parts.
  return { function: 'top', initial: () => nothing, add: take, ...unable, finish, isSame } as AggregateFunctions
}

const nothing: TopState = Object.freeze({ final: Object.freeze([]), open: Object.freeze([]) })

/** How a source's own keys are decoded, where the rows are by them. */
function sourceKeyOf(input: TopologyNode): Decoder<Key> {
  for (let at: TopologyNode | undefined = input; at !== undefined; at = at.inputs[0]) {
    if (at.kind === 'source') return at.key
    if (at.kind === 'repartition') break
  }
  return keyDecoders.s
}
