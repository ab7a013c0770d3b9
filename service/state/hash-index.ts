/** Numbers by hash, several of which may have the same: open addressing in one typed array, so that a look at it is one access of memory. */

const none = -1
/** Two words a slot: the hash, and the number, or `none`. */
const words = 2
const slotsMin = 16

export class HashIndex {
  #slots = emptySlots(slotsMin)
  #mask = slotsMin - 1
  #size = 0

  /** The slot of the first number with that hash; −1 where there is none. */
  first(hash: number): number {
    return this.#from(hash, hash & this.#mask)
  }

  /** The slot of the next number with that hash, behind one of them; −1 where there are no more. */
  next(hash: number, slot: number): number {
    return this.#from(hash, (slot + 1) & this.#mask)
  }

  numberAt(slot: number): number {
    return this.#slots[slot * words + 1] ?? none
  }

  /** From 0 on. What slots were known before is no longer true. */
  add(hash: number, number: number): void {
    this.#size += 1
    // Half empty, so that what is looked for is found, or found missing, within a few neighbours.
    if (2 * this.#size > this.#mask) this.#resize(2 * (this.#mask + 1))
    this.#fill(hash, number)
  }

  /** What slots were known before is no longer true. */
  remove(slot: number): void {
    const slots = this.#slots
    this.#size -= 1
    let hole = slot
    // Nobody is looked for behind an empty slot: those that stand behind this one only because it was taken move up.
    for (let at = (slot + 1) & this.#mask; slots[at * words + 1] !== none; at = (at + 1) & this.#mask) {
      const hash = slots[at * words] ?? 0
      const distance = (at - hash) & this.#mask
      if (distance < ((at - hole) & this.#mask)) continue
      slots[hole * words] = hash
      slots[hole * words + 1] = slots[at * words + 1] ?? none
      hole = at
    }
    slots[hole * words + 1] = none
  }

  clear(): void {
    this.#slots = emptySlots(slotsMin)
    this.#mask = slotsMin - 1
    this.#size = 0
  }

  #from(hash: number, start: number): number {
    const slots = this.#slots
    for (let slot = start; slots[slot * words + 1] !== none; slot = (slot + 1) & this.#mask)
      if (slots[slot * words] === hash) return slot
    return none
  }

  #fill(hash: number, number: number): void {
    let slot = hash & this.#mask
    while (this.#slots[slot * words + 1] !== none) slot = (slot + 1) & this.#mask
    this.#slots[slot * words] = hash
    this.#slots[slot * words + 1] = number
  }

  #resize(slots: number): void {
    const old = this.#slots
    this.#slots = emptySlots(slots)
    this.#mask = slots - 1
    for (let at = 0; at < old.length; at += words) {
      const number = old[at + 1] ?? none
      if (number !== none) this.#fill(old[at] ?? 0, number)
    }
  }
}

const emptySlots = (slots: number): Int32Array => new Int32Array(slots * words).fill(none)
