/** The faults of a single call, one function each: what may become of a request, of its answer, and of who waits for it. */
import type { Call, Connection, ConnectionStep } from './connection.ts'
import { alteredAnswer, refusalsOf, refusedAnswer } from './refusals.ts'
import { type CallFault, callFaults, type Scenario } from './scenario.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** The step that a fault happens to. */
export interface CallMoment extends ConnectionStep {
  readonly process: SimulatedProcess
}

/** What a fault of a call can get hold of. */
export interface CallStage {
  readonly scenario: Scenario
  readonly random: SeededRandom
  kill(process: SimulatedProcess, how: string): void
  /** These arrive all the same, at the earliest after so many milliseconds. */
  arriveLate(calls: readonly Call[], afterMs: number): void
  /** Does something after so many milliseconds, unless everything was healed before. */
  later(ms: number, act: () => void): void
  /** For the trace. */
  note(what: string): void
}

/** What may still arrive when its sender is long gone: a join in the name of somebody who does not wait for it would fence whoever does. */
const mayBeLate =
  /^(Produce|TxnOffsetCommit|EndTxn|InitProducerId|AddPartitionsToTxn|AddOffsetsToTxn|Heartbeat|OffsetCommit|apply|acquire|rebuild)/
/** What may arrive twice, because something between the two sent it again. */
const mayRepeat = /^(Produce|TxnOffsetCommit|EndTxn|AddPartitionsToTxn|AddOffsetsToTxn|Heartbeat|apply)/
/** How long what is late is under way: until somebody has given it up, has renewed itself, or is long dead. */
const lateMs = [0, 0, 50, 500, 3000, 12_000] as const

export const isStore = (call: Call): boolean => call.request === null

/** Those of the scenario, or of all, that this step can meet with. */
export function possibleFaults({ call, phase }: CallMoment, scenario: Scenario, whose?: 'all'): readonly CallFault[] {
  const isLocal = isStore(call) && scenario.store === 'memory'
  return callFaults.filter(
    (fault) =>
      (whose === 'all' || scenario.faults.has(fault)) &&
      (!isLocal || inMemory.includes(fault)) &&
      can[fault](call, phase) &&
      !(fault === 'repeated' && isBeyondPromise(call, scenario)),
  )
}

/**
 * Positions that are sent a second time land behind those that the other of two ids has committed meanwhile, and hold: a partition takes them
 * until the marker of their transaction has come.
 */
const isBeyondPromise = (call: Call, { trigger }: Scenario) => trigger === 'continuous' && call.name.startsWith('TxnOffsetCommit')

/** What can happen to a call that does not leave the process. */
const inMemory: readonly CallFault[] = ['crash', 'stand-still', 'slow-connection']
const always = () => true
const onItsWay = (_: Call, phase: string) => phase === 'effect'

const can: Readonly<Record<CallFault, (call: Call, phase: 'effect' | 'answer') => boolean>> = {
  crash: always,
  'stand-still': always,
  'lost-answer': always,
  'slow-connection': always,
  held: always,
  'lost-request': onItsWay,
  'late-effect': (call, phase) => phase === 'effect' && mayBeLate.test(call.name),
  repeated: (call, phase) => phase === 'effect' && mayRepeat.test(call.name),
  refused: ({ request }, phase) => phase === 'effect' && request !== null && refusalsOf(request.api).length > 0,
}

export const callFaultEffects: Readonly<Record<CallFault, (stage: CallStage, moment: CallMoment) => void>> = {
  /** Before the effect, or behind it, or when the answer was there already. */
  crash(stage, { process, connection, call, phase }) {
    if (phase === 'effect' && stage.random.chance(0.5)) connection.takeEffect(call)
    stage.kill(process, 'killed')
  },

  /** The process stands still at this very step, and goes on as if nothing had happened: a zombie, if it was long enough. */
  'stand-still'(stage, { process, connection, call, phase }) {
    if (phase === 'effect' && stage.random.chance(0.5)) connection.takeEffect(call)
    standStill(stage, process, 'stopped', stage.random.pick([4000, 9000, 15_000, 40_000]))
  },

  'lost-answer'(_, { process, connection, call, phase }) {
    if (phase === 'effect') connection.takeEffect(call)
    process.ports.breakConnection(connection)
  },

  'lost-request'(_, { process, connection }) {
    process.ports.breakConnection(connection)
  },

  /** Whoever has sent it believes it lost. */
  'late-effect'(stage, { process, connection }) {
    stage.arriveLate(process.ports.breakConnection(connection), stage.random.pick(lateMs))
  },

  /** Protocol 1 goes on in one epoch where all is well: there the sender has to notice, or nothing could tell the two. */
  repeated(stage, { process, connection, call }) {
    connection.takeEffect(call)
    stage.arriveLate([call], stage.random.pick(lateMs))
    if (stage.scenario.transactionProtocol === 1) process.ports.breakConnection(connection)
  },

  refused(stage, { connection, call }) {
    const { request } = call
    if (request === null) return
    const { code, isDone } = stage.random.pick(refusalsOf(request.api))
    stage.note(`${code}${isDone ? ', though it was done' : ''}`)
    if (!isDone) return connection.refuse(call, { value: refusedAnswer(request, code) })
    const isEvery = stage.random.chance(0.5)
    connection.takeEffect(call, (answer) => alteredAnswer(answer, code, () => isEvery))
  },

  'slow-connection'(stage, { connection }) {
    hold(stage, connection, stage.random.pick([20, 500, 4000]))
  },

  /** Past any time-out: who waits gives it up, and what was under way arrives when nobody thinks of it any more. */
  held(stage, { connection }) {
    hold(stage, connection, stage.random.pick([15_000, 40_000, 70_000]))
  },
}

function hold(stage: CallStage, connection: Connection, ms: number): void {
  connection.isHeld = true
  stage.later(ms, () => {
    connection.isHeld = false
  })
}

/** A process that stands still already does so until then. */
export function standStill(
  stage: Pick<CallStage, 'later'>,
  { ports }: SimulatedProcess,
  kind: 'stopped' | 'cut-off' | 'blocked',
  ms: number,
): void {
  if (ports.pause !== 'none') return
  ports.pause = kind
  stage.later(ms, () => {
    ports.pause = 'none'
  })
}

/** Of calls that nobody waits for any more, those that may still arrive. */
export const lateOnes = (calls: readonly Call[]): readonly Call[] => calls.filter(({ name }) => mayBeLate.test(name))
