/** Committed offsets by group, and those of transactions whose marker has not landed. */
export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

interface Stored extends CommittedOffset {
  /** The order in which commits arrived: of a plain and a transactional one, the later holds. */
  readonly arrival: number
}

interface Pending extends Stored {
  readonly group: string
  readonly key: string
}

export interface OffsetPlace {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

export class OffsetStore {
  readonly #groups = new Map<string, Map<string, Stored>>()
  /** By producer id and partition of the offsets topic. */
  readonly #pending = new Map<string, Pending[]>()
  #arrivals = 0

  commit(place: OffsetPlace, committed: CommittedOffset): void {
    this.#offsets(place.group).set(keyOf(place), { ...committed, arrival: this.#arrivals++ })
  }

  /** Keeps an offset of an open transaction aside until `complete`. */
  stage(place: OffsetPlace, committed: CommittedOffset, by: { readonly producerId: number; readonly partition: number }): void {
    const name = pendingName(by.producerId, by.partition)
    const pending = { ...committed, arrival: this.#arrivals++, group: place.group, key: keyOf(place) }
    this.#pending.set(name, [...(this.#pending.get(name) ?? []), pending])
  }

  /** The marker of that producer landed on a partition of the offsets topic. */
  complete(producerId: number, partition: number, commit: boolean): void {
    const name = pendingName(producerId, partition)
    const pending = this.#pending.get(name) ?? []
    this.#pending.delete(name)
    if (!commit) return
    for (const { group, key, ...committed } of pending) {
      const offsets = this.#offsets(group)
      if ((offsets.get(key)?.arrival ?? -1) < committed.arrival) offsets.set(key, committed)
    }
  }

  get(place: OffsetPlace): CommittedOffset | undefined {
    return this.#groups.get(place.group)?.get(keyOf(place))
  }

  isPending(place: OffsetPlace): boolean {
    const key = keyOf(place)
    for (const pending of this.#pending.values()) {
      if (pending.some((offset) => offset.group === place.group && offset.key === key)) return true
    }
    return false
  }

  /** All offsets of a group, in the order of their first commit. */
  of(group: string): readonly (OffsetPlace & CommittedOffset)[] {
    return [...(this.#groups.get(group) ?? [])].map(([key, { offset, leaderEpoch, metadata }]) => {
      const at = key.lastIndexOf(':')
      return { group, topic: key.slice(0, at), partition: Number(key.slice(at + 1)), offset, leaderEpoch, metadata }
    })
  }

  /** Forgets offsets: of a group, or of one partition of it. */
  delete(group: string, place?: OffsetPlace): void {
    if (place === undefined) this.#groups.delete(group)
    else this.#groups.get(group)?.delete(keyOf(place))
  }

  #offsets(group: string): Map<string, Stored> {
    let offsets = this.#groups.get(group)
    if (offsets === undefined) {
      offsets = new Map()
      this.#groups.set(group, offsets)
    }
    return offsets
  }
}

function keyOf({ topic, partition }: OffsetPlace): string {
  return `${topic}:${partition}`
}

function pendingName(producerId: number, partition: number): string {
  return `${producerId}:${partition}`
}
