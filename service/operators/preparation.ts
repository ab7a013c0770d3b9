/** What a task's codecs need before a batch: found by a look at the records that it will decode. */
import type { Slice } from '../batch/slice.ts'
import { type Preparation, type PreparedCodec, preparedIn } from '../codec/prepared.ts'
import { RegistryUnavailableError } from '../errors.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { Plan } from '../topology/plan.ts'

export type Prepare = (slices: readonly Slice[], preparation: Preparation) => Promise<void> | undefined

/** The codecs of one input topic. */
interface Input {
  readonly keys: readonly PreparedCodec[]
  readonly values: readonly PreparedCodec[]
}

const nothing: Prepare = () => undefined

/** @throws as PreparedCodec.prepare, when it is awaited */
export function taskPreparation(subtopology: Subtopology, plan: Plan): Prepare {
  const inputs = inputsOf(subtopology, plan)
  const decoders = unique([...inputs.values()].flatMap(({ keys, values }) => [...keys, ...values]))
  const encoders = unique(encodersOf(subtopology).flatMap(preparedIn))
  if (decoders.length === 0 && encoders.length === 0) return nothing
  return (slices, preparation) => {
    for (const slice of slices) foresee(slice, inputs.get(slice.topic))
    const missing = [
      ...decoders.flatMap((codec) => codec.prepare('decode', preparation) ?? []),
      ...encoders.flatMap((codec) => codec.prepare('encode', preparation) ?? []),
    ]
    return missing.length === 0 ? undefined : all(missing)
  }
}

function inputsOf({ sources, repartitionSources }: Subtopology, plan: Plan): ReadonlyMap<string, Input> {
  const inputs = new Map<string, Input>()
  for (const { topics, key, value } of sources) {
    for (const { name } of topics) if (name !== undefined) inputs.set(name, { keys: preparedIn(key), values: preparedIn(value) })
  }
  for (const { name, value } of repartitionSources)
    inputs.set(plan.repartitionTopicOf(name), { keys: [], values: preparedIn(value) })
  return inputs
}

/** State is written in every batch, and what was written before names its schemas when it is loaded. */
function encodersOf({ nodes, stores, repartitionSinks }: Subtopology): readonly object[] {
  const sinks = nodes.filter((node) => node.kind === 'sink')
  return [
    ...sinks.flatMap(({ key, value }) => (key === undefined ? [value] : [key, value])),
    ...repartitionSinks.map(({ value }) => value),
    ...stores.map(({ codec }) => codec),
  ]
}

function foresee({ columns, from, to }: Slice, input: Input | undefined): void {
  if (input === undefined || (input.keys.length === 0 && input.values.length === 0)) return
  for (let index = from; index < to; index++) {
    for (const codec of input.values) if (columns.valueLength(index) >= 0) foreseeValue(codec, columns, index)
    for (const codec of input.keys) {
      const key = columns.key(index)
      if (key !== null) codec.foresee(key, 0, key.length)
    }
  }
}

const foreseeValue = (codec: PreparedCodec, columns: RecordColumns, index: number): void =>
  codec.foresee(columns.valueBuffer(index), columns.valueStart(index), columns.valueEnd(index))

const unique = <T>(items: readonly T[]): readonly T[] => [...new Set(items)]

/** All come to their end before one of them is said to have failed; the worst that happened. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  )
  const [first] = failures
  if (first !== undefined) throw failures.find((failure) => !(failure instanceof RegistryUnavailableError)) ?? first
}
