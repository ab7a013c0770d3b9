/** Faults as values: what befalls the n-th message of a kind on its way, and the counting that finds it. */

/** The way of a message: a request goes to the server, an answer to the worker. */
export type Way = 'request' | 'answer'

/**
 * What becomes of a message. `drop`: it never arrives. `hold`: it waits for `release()`, and all behind it on the same connection with
 * it, whatever its sender does meanwhile. `cut`: the connection is reset instead. `forward-and-cut`: it arrives and takes effect, and then
 * the connection is reset. `duplicate`: it arrives twice; of a request, the second answer is swallowed. `signal`: the process of the proxy
 * gets it, before or after the message went on; where it is killed before, the message does not go on.
 */
export type Deed =
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'drop' | 'hold' | 'cut' | 'forward-and-cut' | 'duplicate' }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals; readonly before: boolean }

/** What a message must be like, by name of a field; of an answer, the request that it answers. What each means, the proxy says. */
export type Conditions = Readonly<Record<string, unknown>>

/** Data only, so that a schedule of them can be printed and replayed. */
export interface Fault {
  readonly at: Way
  /** Which of those that fit, counted from when the fault was planned: 1 is the next. */
  readonly nth: number
  /** How many in a row. Default 1. */
  readonly times?: number
  readonly does: Deed
  readonly where?: Conditions
}

/** A message as the plan sees it. */
export interface Message {
  /** Of its kind: an API, or a command. */
  readonly name: string
  /** Another name for its kind. */
  readonly alias?: string
  readonly at: Way
  readonly fits: (where: Conditions) => boolean
}

/** What was planned together. */
export interface PlannedFaults {
  /** Resolves when each of them has happened at least once. Never rejects. */
  readonly hit: Promise<void>
  readonly isHit: boolean
  /** Lets go what is held, and what would be. */
  release(): void
  /** What has not happened will not; what is held is let go. */
  cancel(): void
}

/** A fault that has found its message. */
export interface Happening {
  readonly does: Deed
  /** For `hold`: resolves when it may go on. */
  readonly released: Promise<void>
}

interface Entry {
  readonly name: string
  readonly fault: Fault
  readonly released: Promise<void>
  readonly happened: () => void
  /** How many messages that fit have come. */
  seen: number
}

/** The name in a fault that stands for every kind of message. */
export const anyName = 'any'

export class FaultPlan {
  #entries: Entry[] = []

  /** Adds faults for messages with these names, and counts for each from now on. */
  add(faults: readonly { readonly name: string; readonly fault: Fault }[]): PlannedFaults {
    const released = Promise.withResolvers<void>()
    const hits = faults.map(() => Promise.withResolvers<void>())
    const entries = faults.map(({ name, fault }, index): Entry => {
      const happened = () => hits[index]?.resolve()
      return { name, fault, released: released.promise, happened, seen: 0 }
    })
    this.#entries.push(...entries)
    let isHit = false
    const hit = Promise.all(hits.map(({ promise }) => promise)).then(() => {
      isHit = true
    })
    return {
      hit,
      get isHit() {
        return isHit
      },
      release: released.resolve,
      cancel: () => {
        released.resolve()
        this.#entries = this.#entries.filter((entry) => !entries.includes(entry))
      },
    }
  }

  /** Counts a message; what befalls it, the first planned where there are several, or null. */
  of(message: Message): Happening | null {
    let chosen: Entry | null = null
    for (const entry of this.#entries) {
      const { name, fault } = entry
      if (fault.at !== message.at || ![anyName, message.name, message.alias].includes(name)) continue
      if (fault.where !== undefined && !message.fits(fault.where)) continue
      entry.seen += 1
      if (entry.seen >= fault.nth) chosen ??= entry
    }
    this.#entries = this.#entries.filter(({ fault, seen }) => seen < fault.nth + (fault.times ?? 1) - 1)
    if (chosen === null) return null
    chosen.happened()
    return { does: chosen.fault.does, released: chosen.released }
  }
}
