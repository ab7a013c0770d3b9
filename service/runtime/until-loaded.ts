/** Waits of a batch for what is outside: state of a backend, schemas of a registry. */
import { type Preparation, type PreparedCodec, UnpreparedError } from '../codec/prepared.ts'
import { RegistryUnavailableError, RetakeError, StoreUnavailableError } from '../errors.ts'
import type { Task } from './task.ts'
import type { WorkerResources } from './worker-resources.ts'
import type { WaitingFor } from './seam.ts'
import type { PossibleWait } from './waits.ts'
import type { Batch } from './batch.ts'

/** A codec that nobody could see inside of another, and what it is used for. */
export type Unprepared = Pick<UnpreparedError, 'codec' | 'use'>

/** Fetches the schemas that codecs of the batch need, and those that the batch before was given up for. @throws as untilLoaded */
export function prepareBatch(
  resources: WorkerResources,
  { tasks, slices }: Batch,
  unprepared: readonly Unprepared[],
): Promise<void> {
  return untilLoaded(resources, 'registry', () => {
    const preparation = preparationNow(resources)
    return [
      ...tasks.flatMap(({ id, pipeline }) => pipeline.prepare(slices.get(id) ?? [], preparation) ?? []),
      ...unprepared.flatMap(({ codec, use }) => codec.prepare(use, preparation) ?? []),
    ].map((work) => outside(resources, work))
  })
}

/** Loads the state that a stage of the batch needs; values in it may have schemas that are not known yet. @throws as untilLoaded */
export function loadStage(resources: WorkerResources, tasks: readonly Task[], stage: number): Promise<void> {
  const load = async (loading: Promise<void>): Promise<void> => {
    try {
      await loading
    } catch (error) {
      if (!(error instanceof UnpreparedError)) throw error
      await outside(resources, fetchFor(error.codec, error.use, preparationNow(resources)))
    }
  }
  return untilLoaded(resources, 'store', () => tasks.flatMap(({ pipeline }) => pipeline.stages[stage]?.load() ?? []).map(load))
}

async function fetchFor(codec: PreparedCodec, use: 'decode' | 'encode', preparation: Preparation): Promise<void> {
  await codec.prepare(use, preparation)
}

const preparationNow = ({ parts: { clock, registry } }: WorkerResources): Preparation => ({ now: clock.monotonic(), registry })

function outside({ parts }: WorkerResources, work: Promise<void>): Promise<void> {
  parts.outside?.(work)
  return work
}

type Load = () => readonly Promise<void>[]

/**
 * Calls `load` until nothing is missing. What is away is waited for, until there is mail: a revocation or a stop must not wait for it.
 * @throws RetakeError for mail; what else went wrong
 */
async function untilLoaded(resources: WorkerResources, waitingFor: WaitingFor, load: Load): Promise<void> {
  const wait = resources.waits.for(waitingFor)
  try {
    await whenLoaded(resources, wait, load)
  } finally {
    wait.end()
  }
}

async function whenLoaded(resources: WorkerResources, wait: PossibleWait, load: Load): Promise<void> {
  const { clock, flags, log } = resources.parts
  for (let attempt = 0; ; ) {
    const loads = load()
    if (loads.length === 0) return
    const results = await Promise.allSettled(loads)
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
    // What came may name more: the marks in a bucket name the keys that are due.
    if (failures.length === 0) continue
    const worse = failures.find((failure) => !isAway(failure))
    if (worse !== undefined) throw worse
    const what = failures[0] instanceof RegistryUnavailableError ? 'the schema registry' : 'the state backend'
    if (attempt === 0) log.warn({ error: String(failures[0]) }, `${what} is away: the batch waits for it`)
    wait.tell(`${what} is unreachable, the batch waits: ${failures[0]?.message}`)
    flags.advance()
    await clock.sleep(Math.min(1000, 20 * 2 ** attempt), resources.signal())
    attempt += 1
    if (resources.interrupted())
      throw new RetakeError(`the batch was given up: the supervisor wants something while ${what} is away`)
  }
}

const isAway = (failure: Error): boolean =>
  failure instanceof StoreUnavailableError || failure instanceof RegistryUnavailableError
