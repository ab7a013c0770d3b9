/** What a worker does about an error: drop everything, settle with Kafka, take its tasks again (P3, P4, P12). Nothing resumes from memory. */
import { CaudalError, ConfigurationError, FatalError, FencedError, LostError, StoreFencedError } from '../errors.ts'
import type { ProducerState } from '../kafka/producer-lifecycle.ts'
import type { PossibleWait } from './waits.ts'
import type { WorkerParts } from './worker-parts.ts'
import type { WorkerResources } from './worker-resources.ts'

const backOffMsMax = 2000

/**
 * How the producer comes to a known state: `initialise` with −1, for the start of a process; `renew` with its own id and epoch, which
 * settles whatever was open; `ask` whether it may live, for one that was fenced, and then initialise once (or renew, where only a store was fenced).
 */
type Settling = 'initialise' | 'renew' | 'ask'

/** The first InitProducerId of a process: it fences whoever had the id before (P4). False where mail came in first. */
export function startProducer(resources: WorkerResources): Promise<boolean> {
  return settle(resources, 'initialise')
}

/**
 * Returns when the worker may go on, with its tasks being taken again; or early, with `resources.unsettled` set, when there is mail that
 * must not wait. @throws the error where nothing mends it
 */
export async function recover(resources: WorkerResources, error: unknown): Promise<void> {
  const { parts, tasks, outputs, queue, printed, producer, membership } = resources
  if (!isMendable(error)) {
    await abortWhatIsOpen(resources)
    throw error
  }
  parts.log.warn({ code: error.code, error: error.message }, 'the batch was given up: taking all tasks again')
  parts.metrics.add('caudal_retakes_total', 1, { cause: error.code })
  countFencing(parts, error)
  if (resources.size.failed()) resources.tellSmaller()
  if (producer.state !== 'ready') {
    parts.metrics.add('caudal_transactions_total', 1, { outcome: producer.state === 'uncertain' ? 'uncertain' : 'aborted' })
  }
  resources.unsettled = null
  tasks.dropAll()
  outputs.clear()
  printed.clear()
  await queue.discard()
  // Where mail came in between, the producer may have been fenced while an earlier error was settled.
  const mustAsk = error instanceof FencedError || error instanceof StoreFencedError || resources.producer.state === 'fenced'
  const settled = await settle(resources, mustAsk ? 'ask' : 'renew')
  if (!settled) resources.unsettled = error
  else if (membership.current !== null) tasks.retake()
}

/** An `uncertain` one is for the next life to settle: an abort could only be refused. */
const mayBeOpen: readonly ProducerState[] = ['open', 'positioned', 'failed']

/** So that readers need not wait for the transaction's time-out; what ended the worker is the error that counts. */
async function abortWhatIsOpen({ producer, parts }: WorkerResources): Promise<void> {
  if (!mayBeOpen.includes(producer.state)) return
  try {
    await producer.abort()
  } catch (error) {
    parts.log.warn({ error: String(error) }, 'the open transaction could not be aborted: the broker will, after its time-out')
  }
}

const isMendable = (error: unknown): error is CaudalError =>
  error instanceof CaudalError && !(error instanceof FatalError) && !(error instanceof ConfigurationError)

function countFencing({ metrics }: WorkerParts, error: CaudalError): void {
  if (error instanceof FencedError || error instanceof StoreFencedError)
    metrics.add('caudal_fencings_total', 1, { cause: error.code })
}

/** True when the producer is settled; it takes as long as it takes, and each attempt is progress. False when mail came in. */
async function settle(resources: WorkerResources, first: Settling): Promise<boolean> {
  const wait = resources.waits.for('producer')
  try {
    return await whenSettled(resources, first, wait)
  } finally {
    wait.end()
  }
}

async function whenSettled(resources: WorkerResources, first: Settling, wait: PossibleWait): Promise<boolean> {
  const { parts, producer } = resources
  let how = first
  for (let attempt = 0; ; attempt++) {
    parts.flags.advance()
    try {
      if (how === 'ask') await mayLive(resources)
      if (how === 'initialise' || producer.state === 'fenced') await producer.initialise()
      else if (producer.state !== 'ready') await producer.renew()
      return true
    } catch (error) {
      if (!isMendable(error)) throw error
      if (resources.interrupted()) return false
      if (error instanceof FencedError) how = 'ask'
      countFencing(parts, error)
      parts.log.warn({ error: error.message, attempt }, 'the producer is not settled yet: trying again')
      wait.tell(`settles its last transaction with Kafka before it goes on: ${error.message}`)
      await parts.clock.sleep(Math.min(backOffMsMax, 20 * 2 ** attempt))
    }
  }
}

/** P4: of two that have one identity, a heartbeat says which may live. */
async function mayLive(resources: WorkerResources): Promise<void> {
  const answer = await resources.heartbeats.ask()
  if (answer === 'fenced-instance') throw new FatalError('another process has this instance id: this one ends')
  if (answer === 'lost') throw new LostError('fenced, and no member at the moment')
}
