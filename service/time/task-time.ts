/**
 * Event time of one task: what each of its inputs has said, and the watermark that follows from it, which is the least over its source
 * partitions and upstream tasks (DESIGN, time).
 */
import { leastOf, type Watermark } from './watermark.ts'

/** What an upstream task last said of itself. */
export type UpstreamReport = number | 'idle'

/** How a task knows an upstream task: one may write to several of its topics. */
export const upstreamId = (repartition: string, upstream: string): string => `${repartition}:${upstream}`

/** One upstream task of a repartition topic. */
interface Upstream {
  value: number
  isIdle: boolean
}

/** Later than any event; a number that JSON and a double keep. */
export const endOfTime = 2 ** 60

export interface TaskTimeParts {
  /** The watermark that was committed; −Infinity for a task that begins. */
  readonly committed: number
}

export class TaskTime implements Watermark {
  #value: number
  readonly #inputs: Watermark[] = []
  readonly #sources: SourceTime[] = []
  readonly #upstreams = new Map<string, Upstream>()
  /** While all inputs are idle: where the watermark stood when that began, and when it was. */
  #drift: { readonly from: number; readonly since: number } | null = null

  constructor({ committed }: TaskTimeParts) {
    this.#value = committed
  }

  get value(): number {
    return this.#value
  }

  /** True where no input has anything to say for the time being. */
  get isIdle(): boolean {
    return this.#inputs.length > 0 && this.#inputs.every(({ isIdle }) => isIdle)
  }

  /** A source partition; `committed` is its own watermark, −Infinity for one that was never read. */
  source(latenessMs: number, committed: number): SourceTime {
    const source = new SourceTime(latenessMs, committed, () => this.#moved())
    this.#sources.push(source)
    this.#inputs.push(source)
    return source
  }

  /** An upstream task, with what it had said when the task last committed; undefined where it was not heard of yet. */
  upstream(id: string, committed: UpstreamReport | undefined): void {
    const input = { value: Number.NEGATIVE_INFINITY, isIdle: false }
    this.#upstreams.set(id, input)
    this.#inputs.push(input)
    if (committed !== undefined) take(input, committed)
  }

  /** An upstream says how far it is. One that nobody knew of enters at the present watermark at least. */
  heard(id: string, report: UpstreamReport): void {
    let input = this.#upstreams.get(id)
    if (input === undefined) {
      input = { value: this.#value, isIdle: false }
      this.#upstreams.set(id, input)
      this.#inputs.push(input)
    }
    take(input, report)
    this.#moved()
  }

  /** What each upstream has said, by its id; those that were not heard of are not in it. */
  reports(): Readonly<Record<string, UpstreamReport>> {
    const heard = [...this.#upstreams].filter(([, { value, isIdle }]) => isIdle || value > Number.NEGATIVE_INFINITY)
    return Object.fromEntries(heard.map(([id, { value, isIdle }]) => [id, isIdle ? 'idle' : value]))
  }

  /** While every input is idle, time passes as on the clock, from where it stood, so that the last windows close. `now`: monotonic, ms. */
  drift(now: number): void {
    if (!this.isIdle || this.#value === Number.NEGATIVE_INFINITY) {
      this.#drift = null
      return
    }
    this.#drift ??= { from: this.#value, since: now }
    this.#value = Math.max(this.#value, Math.floor(this.#drift.from + now - this.#drift.since))
  }

  /** All that the sources will ever hold was read. */
  endOfSources(): void {
    for (const source of this.#sources) source.end()
  }

  #moved(): void {
    this.#value = Math.max(this.#value, leastOf(this.#inputs))
  }
}

function take(input: Upstream, report: UpstreamReport): void {
  input.isIdle = report === 'idle'
  if (report !== 'idle' && report > input.value) input.value = report
}

/** Event time of one source partition: its newest event time less the lateness that its source allows. */
export class SourceTime implements Watermark {
  #value: number
  #isIdle = false
  readonly #latenessMs: number
  readonly #moved: () => void

  constructor(latenessMs: number, committed: number, moved: () => void) {
    this.#latenessMs = latenessMs
    this.#value = committed
    this.#moved = moved
  }

  get value(): number {
    return this.#value
  }

  get isIdle(): boolean {
    return this.#isIdle
  }

  /** Nothing has come for as long as the source allows. */
  becomeIdle(): void {
    if (this.#value === endOfTime) return
    this.#isIdle = true
    this.#moved()
  }

  /** It has something to read again: from now on it holds the watermark where it is. */
  becomeActive(): void {
    this.#isIdle = false
  }

  end(): void {
    this.#isIdle = false
    this.#value = endOfTime
    this.#moved()
  }

  /** A record at `time` comes next. Returns its stamp: the watermark that it is older than, or −Infinity where it can't be late. */
  see(time: number): number {
    const watermark = time - this.#latenessMs
    if (watermark > this.#value) {
      this.#value = watermark
      this.#moved()
      return Number.NEGATIVE_INFINITY
    }
    return time < this.#value ? this.#value : Number.NEGATIVE_INFINITY
  }
}
