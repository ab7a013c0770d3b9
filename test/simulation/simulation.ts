/** One schedule: a seed decides which call, which answer, which clock and which fault comes next; then everything heals, and is checked. */
import { setImmediate as turn } from 'node:timers/promises'
import { MemoryStoreBackend } from '../../service/state/memory-store.ts'
import { ScriptBackend } from '../../service/state/script-backend.ts'
import type { Clock } from '../../service/clock.ts'
import { type CaudalError, StoreUnavailableError } from '../../service/errors.ts'
import type { Wire } from '../../service/kafka/wire/wire.ts'
import type { Log } from '../../service/log.ts'
import { secondTransactionalId, transactionalId } from '../../service/topology/names.ts'
import { ManualClock } from '../../service/memory/manual-clock.ts'
import type { StoreBackend } from '../../service/state/store-backend.ts'
import { type CallMoment, type CallStage, callFaultEffects, isStore, lateOnes, possibleFaults } from './call-faults.ts'
import type { Call } from './connection.ts'
import { type Coverage, CoverageCounts } from './coverage.ts'
import { faultEvents, type FaultStage } from './faults.ts'
import {
  CommittedOffsets,
  ConcurrentReader,
  nothingHangs,
  offsetsAreAtTheEnd,
  outputFollowsInput,
  storeIsFoldOfChangelog,
  watermarksNeverGoBack,
} from './invariants.ts'
import { LateCalls } from './late-calls.ts'
import type { Plant } from './plant.ts'
import { monitored } from './protocol-monitor.ts'
import { type CallFault, eventFaults, type Scenario } from './scenario.ts'
import { SeededRandom } from './seeded-random.ts'
import { application, SimulatedCluster } from './simulated-cluster.ts'
import type { Wake } from './simulated-ports.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { Strangers } from './strangers.ts'
import { Trace } from './trace.ts'

export interface SimulationResult {
  readonly steps: number
  /** Of the trace: two runs of one seed have the same. */
  readonly hash: string
  /** What went wrong; null where every invariant held. */
  readonly failure: string | null
  readonly trace: readonly string[]
  readonly coverage: Coverage
  /** Of simulated time, from the last fault to rest; null where it did not come to that. */
  readonly healedInMs: number | null
}

/** I6: so many steps after the last fault everything is at rest, and so much time. */
const stepsToHealMax = 25_000
const healedWithinMs = 180_000
const stepsMax = 8_000
/** Long enough for what is behind the loop to be applied, with its longest back-off. */
const restMs = 2500
const startOfTime = 1_700_000_000_000

/** Requests whose loss or lateness is the interesting case; faults are for these above all. */
const important =
  /^(Produce|TxnOffsetCommit|EndTxn|InitProducerId|Add\w+ToTxn|OffsetFetch|OffsetCommit|ListOffsets|apply|acquire|rebuild|load)/
/** How likely a fault is at a call that the scenario looks at above all. */
const focusRate = 0.25
/** Requests of which there are a few in many schedules. */
const rare = /^(DeleteRecords|DescribeConfigs|DescribeProducers|ListTransactions|LeaveGroup)$/
const rareRate = 0.4
/** Of which there are a few in all of them. */
const rarest = /^OffsetForLeaderEpoch$/
const commits = /^(OffsetCommit|EndTxn)/
const storeWrites = /^(apply|acquire|rebuild)/

type Step =
  | ({ readonly kind: 'call' } & CallMoment)
  | { readonly kind: 'wake'; readonly process: SimulatedProcess; readonly wake: Wake }
  | { readonly kind: 'late'; readonly call: Call }

class SimulationFailure extends Error {}

export async function simulate(scenario: Scenario, plant: Plant = {}): Promise<SimulationResult> {
  const undo = plant.patch?.() ?? (() => {})
  const clock = new ManualClock(startOfTime, scenario.seed)
  const simulation = new Simulation(scenario, plant, clock, await SimulatedCluster.open(scenario, clock))
  let failure: string | null = null
  try {
    await simulation.run()
  } catch (error) {
    failure =
      error instanceof SimulationFailure ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    simulation.close()
    undo()
  }
  const { steps, trace, coverage, healedInMs } = simulation
  return { steps, hash: trace.hash(), failure, trace: trace.lines, coverage: coverage.counts, healedInMs }
}

class Simulation implements FaultStage, CallStage {
  readonly scenario: Scenario
  readonly cluster: SimulatedCluster
  readonly random: SeededRandom
  readonly trace: Trace
  readonly strangers: Strangers
  readonly coverage = new CoverageCounts()
  processes: readonly SimulatedProcess[] = []
  storeAway = 0
  storeFull = 0
  steps = 0
  healedInMs: number | null = null
  readonly #plant: Plant
  readonly #clock: ManualClock
  readonly #lateWire: Wire
  readonly #reader: ConcurrentReader
  readonly #offsets: CommittedOffsets
  readonly #due: (() => void)[] = []
  /** What a process has sent and should not have. */
  readonly #breaches: string[] = []
  readonly #late = new LateCalls()
  /** How often each place had a process. */
  readonly #lives: number[]
  #isHealing = false
  /** Retention has taken records that nobody had read. */
  #hasLostInput = false
  /** A process has ended for that, and said so. */
  #hasStoppedForIt = false
  /** The last step may have moved offsets. */
  #mayHaveCommitted = false

  constructor(scenario: Scenario, plant: Plant, clock: ManualClock, cluster: SimulatedCluster) {
    this.scenario = scenario
    this.cluster = cluster
    this.random = new SeededRandom(scenario.seed ^ 0x51_0b_1e)
    this.trace = new Trace(() => clock.monotonic())
    this.#plant = plant
    this.#clock = clock
    this.#lateWire = cluster.kafka.wire('late')
    this.#reader = new ConcurrentReader(cluster)
    this.#offsets = new CommittedOffsets(cluster)
    this.#lives = scenario.processes.map(() => 0)
    const wronged = (what: string) => this.#breaches.push(what)
    this.strangers = new Strangers(cluster, { clock, protocol: scenario.transactionProtocol, wronged })
  }

  async run(): Promise<void> {
    for (const place of this.scenario.processes.keys()) this.start(place)
    while (!(this.cluster.isComplete && this.#everythingHappened()) && this.steps < stepsMax) {
      await turn()
      if (this.random.chance(this.scenario.eventRate)) this.#event()
      this.#step()
    }
    this.#heal()
    await this.#untilAtRest()
    this.#reader.read()
    if (this.#hasStoppedForIt) return
    outputFollowsInput(this.cluster)
    nothingHangs(this.cluster)
    offsetsAreAtTheEnd(this.cluster)
    watermarksNeverGoBack(this.cluster)
    if (this.scenario.store === 'scripted') storeIsFoldOfChangelog(this.cluster)
  }

  close(): void {
    for (const process of this.processes) process.kill()
    this.cluster.kafka.close()
  }

  start(place: number): void {
    const life = (this.#lives[place] ?? 0) + 1
    this.#lives[place] = life
    const name = `p${place}.${life}`
    const isStatic = this.scenario.processes[place] === 'static'
    const twins = this.processes.filter((process) => process.place === place && isStatic)
    this.trace.add(name, '-- starts')
    const { kafka, prepared } = this.cluster
    const process = new SimulatedProcess({
      name,
      place,
      instanceId: isStatic ? `p${place}` : null,
      prepared,
      scenario: this.scenario,
      clock: this.#clock,
      wire: kafka.wire(name),
      lateWire: this.#lateWire,
      onGivenUp: (calls) => {
        if (this.random.chance(0.5)) this.arriveLate(lateOnes(calls), 0)
      },
      backend: (clock) => this.#backend(clock),
      plantWire: (parked) => {
        const wire = monitored(parked, this.cluster, (breach) => this.#breaches.push(`${name}: ${breach}`))
        return this.#plant.wire?.(wire, this.cluster) ?? wire
      },
      log: (who) => this.#log(who),
    })
    for (const twin of twins) twin.mayBeFenced = true
    process.mayBeFenced = twins.length > 0
    for (let worker = 0; isStatic && worker < this.scenario.workers; worker++)
      for (const idOf of [transactionalId, secondTransactionalId])
        this.cluster.noteTransactionalId(idOf(application, `p${place}`, worker))
    this.processes = [...this.processes, process]
  }

  kill(process: SimulatedProcess, how: string): void {
    this.trace.add(process.name, `-- ${how}`)
    this.arriveLate(
      lateOnes(process.kill()).filter(() => this.random.chance(0.3)),
      this.random.pick([0, 0, 1000]),
    )
    this.#remove(process)
  }

  arriveLate(calls: readonly Call[], afterMs: number): void {
    for (const call of lateOnes(calls)) this.#late.add(call, this.#clock.monotonic() + afterMs)
  }

  note(what: string): void {
    this.trace.add('', `   ${what}`)
  }

  later(ms: number, act: () => void): void {
    void this.#clock.sleep(ms).then(() => {
      if (!this.#isHealing) this.#due.push(act)
    })
  }

  // ── one step ──

  #step(): void {
    this.steps += 1
    for (const process of this.processes) if (process.ended !== null) this.#ended(process)
    for (const act of this.#due.splice(0)) act()
    if (this.#mayHaveCommitted) this.#offsets.check()
    if (this.#breaches.length > 0) throw new SimulationFailure(this.#breaches.join('; '))
    const steps = this.#possible()
    const waitMs = this.#clock.nextDue()
    if (steps.length > 0 && (waitMs === undefined || !this.random.chance(0.02))) this.#do(this.random.pick(steps))
    else if (waitMs !== undefined) this.#moveTime(waitMs)
    else throw new SimulationFailure('nothing is under way, and nobody waits for a time to come')
  }

  #possible(): readonly Step[] {
    const possible: Step[] = []
    for (const process of this.processes) {
      const { calls, wakes } = process.ports.steps()
      for (const step of calls) possible.push({ kind: 'call', process, ...step })
      for (const wake of wakes) possible.push({ kind: 'wake', process, wake })
    }
    if (this.#isHealing || (this.#late.size > 0 && this.random.chance(0.1)))
      for (const call of this.#late.due(this.#isHealing ? Number.POSITIVE_INFINITY : this.#clock.monotonic()))
        possible.push({ kind: 'late', call })
    return possible
  }

  #moveTime(ms: number): void {
    this.#clock.advanceMonotonic(ms)
    this.#clock.setWall(startOfTime + this.#clock.monotonic())
  }

  #do(step: Step): void {
    switch (step.kind) {
      case 'wake': {
        const { process, wake } = step
        this.trace.add(process.name, wake.name)
        process.ports.wakes.splice(process.ports.wakes.indexOf(wake), 1)
        return wake.wake()
      }
      case 'late':
        this.trace.add('', `${step.call.name} takes effect late`)
        this.#late.delete(step.call)
        step.call.effect(true).catch(() => {})
        return
      case 'call':
        return this.#doCall(step)
    }
  }

  #doCall(step: CallMoment): void {
    const { process, connection, call, phase } = step
    const what = `${connection.name} ${call.name}`
    if (isStore(call) && phase === 'effect' && this.storeAway > 0) {
      this.trace.add(process.name, `${what}: the store is away`)
      process.ports.breakConnection(connection)
      return
    }
    if (storeWrites.test(call.name) && phase === 'effect' && this.storeFull > 0) {
      this.trace.add(process.name, `${what}: the store is out of memory`)
      return connection.refuse(call, { error: new StoreUnavailableError('OOM command not allowed when used memory > maxmemory') })
    }
    const kind = call.request?.api ?? call.name.split(' ')[0] ?? ''
    if (phase === 'effect') this.coverage.count(kind)
    const fault = this.#faultOf(step, kind)
    this.trace.add(process.name, `${what} ${fault === null ? phase : `${phase}: -- ${fault}`}`)
    this.#mayHaveCommitted = phase === 'effect' && commits.test(call.name)
    if (fault === null) return phase === 'effect' ? connection.takeEffect(call) : connection.answer(call)
    this.coverage.count(kind, fault)
    callFaultEffects[fault](this, step)
  }

  /** The fault that this step gets; null for most. */
  #faultOf(step: CallMoment, kind: string): CallFault | null {
    if (this.#isHealing) return null
    const { callFaultRate, focus, hitsRareOnes } = this.scenario
    if (hitsRareOnes && rarest.test(kind)) return this.random.pick(possibleFaults(step, this.scenario, 'all'))
    if (hitsRareOnes && rare.test(kind))
      return this.random.chance(rareRate) ? this.random.pick(possibleFaults(step, this.scenario, 'all')) : null
    const usual = important.test(kind) ? callFaultRate : callFaultRate / 10
    if (!this.random.chance(kind === focus ? Math.max(usual, focusRate) : usual)) return null
    const possible = possibleFaults(step, this.scenario)
    return possible.length === 0 ? null : this.random.pick(possible)
  }

  // ── events ──

  #event(): void {
    if (this.random.chance(0.4) && !this.cluster.isComplete) return this.#input()
    if (this.random.chance(0.2)) return this.#reader.read()
    if (this.scenario.losesInput && !this.#hasLostInput && this.random.chance(0.05)) return this.#loseInput()
    const possible = eventFaults.filter((fault) => this.scenario.faults.has(fault))
    if (possible.length === 0) return
    const event = this.random.pick(possible)
    this.coverage.count(event)
    faultEvents[event](this)
  }

  /** Retention takes what the group has not read. Before its first batch it might only begin later, as its start position may be forgotten. */
  #loseInput(): void {
    const { cluster } = this
    const unread = cluster.behind().find(({ topic, committed }) => cluster.simulated.inputs.includes(topic) && committed > 0)
    if (unread === undefined) return
    const { topic, partition, committed, end } = unread
    this.trace.add('kafka', `-- deletes ${topic}-${partition} before ${end}, of which ${committed} were read`)
    this.coverage.count('loses-input')
    this.#hasLostInput = true
    cluster.kafka.deleteRecords(topic, partition, end)
  }

  #input(): void {
    const { keys, recordsPerKey } = this.scenario
    for (let count = this.random.between(1, 6); count > 0; count--) {
      const key = this.random.pick(keys)
      if ((this.cluster.last.get(key) ?? 0) >= recordsPerKey) continue
      this.trace.add('input', key)
      this.cluster.append(key)
    }
  }

  #everythingHappened(): boolean {
    return this.steps > 20 / this.scenario.eventRate
  }

  #ended(process: SimulatedProcess): void {
    const error = process.ended?.error ?? null
    this.trace.add(process.name, `-- ended${error === null ? '' : `: ${error.message}`}`)
    if (error !== null && this.#hasLostInput && saysWhatIsLost.test(error.message)) {
      this.coverage.count('stops for lost input')
      this.#hasStoppedForIt = true
    } else if (error !== null && !isExpected(process, error))
      throw new SimulationFailure(`process ${process.name} ended in a fault: ${error.message}`)
    process.kill()
    this.#remove(process)
  }

  /** Somebody starts it again, unless another process has its place. */
  #remove(process: SimulatedProcess): void {
    this.processes = this.processes.filter((other) => other !== process)
    const { place } = process
    const isFree = () => !this.processes.some((other) => other.place === place)
    // Guests do not come back.
    if (!isFree() || place >= this.scenario.processes.length) return
    this.later(this.random.pick([0, 100, 1000, 8000]), () => {
      if (isFree()) this.start(place)
    })
  }

  // ── afterwards ──

  /** The last fault is over: everything is there, and every key gets one more record, those of strangers included. */
  #heal(): void {
    this.#isHealing = true
    this.storeAway = 0
    this.storeFull = 0
    this.strangers.abortAll()
    this.trace.add('', '-- no more faults')
    for (const process of this.processes) process.ports.heal()
    for (const place of this.scenario.processes.keys())
      if (!this.processes.some((process) => process.place === place)) this.start(place)
    for (const key of new Set([...this.scenario.keys, ...this.strangers.keys])) this.cluster.append(key)
  }

  async #untilAtRest(): Promise<void> {
    const healedAt = this.#clock.monotonic()
    let restSince: number | null = null
    for (let step = 0; step < stepsToHealMax; step++) {
      await turn()
      for (const place of this.scenario.processes.keys())
        if (!this.processes.some((process) => process.place === place)) this.start(place)
      this.#step()
      if (this.#hasStoppedForIt) return
      if (step % 16 !== 0) continue
      const now = this.#clock.monotonic()
      if (!this.#isAtRest()) restSince = null
      else if (restSince === null) restSince = now
      else if (now - restSince > restMs) {
        this.healedInMs = restSince - healedAt
        return
      }
      if (now - healedAt > healedWithinMs) break
    }
    const status = this.processes.map((process) => process.status())
    const { kafka } = this.cluster
    throw new SimulationFailure(
      `no rest within ${stepsToHealMax} steps and ${healedWithinMs} ms after the last fault (I6): behind ` +
        `${JSON.stringify(this.cluster.behind())}, open transactions ${JSON.stringify(kafka.openTransactions())}, ` +
        `processes ${JSON.stringify(status)}`,
    )
  }

  #isAtRest(): boolean {
    const { plan } = this.cluster.prepared
    const running = this.processes.reduce((sum, process) => sum + process.running, 0)
    return (
      this.#late.size === 0 &&
      this.strangers.count === 0 &&
      running === plan.tasks.length &&
      this.cluster.kafka.openTransactions().length === 0 &&
      this.cluster.behind().length === 0
    )
  }

  #backend(clock: Clock): StoreBackend {
    if (this.scenario.store === 'memory') return new MemoryStoreBackend()
    const { store } = this.cluster
    const scripts = this.#plant.scripts?.(store) ?? store
    return new ScriptBackend('scripted', scripts, clock)
  }

  #log(who: string): Log {
    const add = (fields: object, message: string) => {
      const { error } = fields as { readonly error?: Error | string }
      const why = error instanceof Error ? error.message : error
      this.trace.add(who, `   "${message}${why === undefined ? '' : `: ${why}`}"`)
    }
    return { debug: () => {}, info: () => {}, warn: add, error: add }
  }
}

/** I6: records that are gone stop whoever needs them, and are named, with what is there. */
const saysWhatIsLost = /offset \d+ is asked for, and the log has \d+ to \d+: those records have been deleted/

/** Of two processes with one instance id one ends, and one that is asked to stop may take too long. */
function isExpected(process: SimulatedProcess, error: CaudalError): boolean {
  if (process.mayBeFenced && /instance id/.test(error.message)) return true
  return process.isStopping && /did not stop within/.test(error.message)
}
