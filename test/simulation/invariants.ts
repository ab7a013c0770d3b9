/** The invariants that hold when everything has come to rest, each as a check of its own (DESIGN, exactly-once). */
import assert from 'node:assert/strict'
import { application, type SimulatedCluster } from './simulated-cluster.ts'

/** I1, I11: the output is the function of the input: nothing lost, nothing twice, in order for each key. */
export function outputFollowsInput(cluster: SimulatedCluster): void {
  cluster.simulated.check(
    (topic) => cluster.outputs(topic),
    cluster.last,
    (topic) => cluster.inputs(topic),
  )
}

/** I2: no transaction hangs: what readers of committed records see ends where the log does. */
export function nothingHangs(cluster: SimulatedCluster): void {
  const { kafka } = cluster
  assert.deepEqual(kafka.openTransactions(), [], 'a transaction is still open')
  for (const { topic, partition } of cluster.partitions()) {
    const [stable, end] = [kafka.lastStableOffset(topic, partition), kafka.endOffset(topic, partition)]
    assert.equal(stable, end, `${topic}-${partition}: the last stable offset is behind the end`)
  }
}

/** I3: what was committed is the end of the input. */
export function offsetsAreAtTheEnd(cluster: SimulatedCluster): void {
  assert.deepEqual(cluster.behind(), [], 'committed offsets are not at the end of the input')
}

/** I4: the store is the fold of the committed changelog, and no key more. */
export function storeIsFoldOfChangelog(cluster: SimulatedCluster): void {
  for (const store of cluster.stores()) {
    const texts = (entries: ReadonlyMap<string, Buffer>) =>
      Object.fromEntries(
        [...entries]
          .map(([key, value]) => [key, value.toString().slice(0, 100)] as const)
          .toSorted(([one], [other]) => one.localeCompare(other)),
      )
    const [held, folded] = [texts(cluster.held(store)), texts(cluster.fold(store))]
    assert.deepEqual(held, folded, `store ${store.store}-${store.partition} is not the fold of its changelog`)
  }
}

/** I9: what a reader saw while everything happened is the beginning of what any later reader sees. */
export class ConcurrentReader {
  readonly #cluster: SimulatedCluster
  readonly #seen = new Map<string, readonly string[]>()

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Reads on; fails where something that was read is not there any more, or something came in before it. */
  read(): void {
    for (const { topic, partition } of this.#cluster.partitions(this.#cluster.simulated.outputs)) {
      const place = `${topic}-${partition}`
      const now = this.#cluster.readCommitted(topic, partition)
      const before = this.#seen.get(place) ?? []
      assert.deepEqual(now.slice(0, before.length), before, `${place}: a reader saw what later readers do not`)
      this.#seen.set(place, now)
    }
  }
}

/** I1, seen from the offsets: what was committed is never taken back. */
export class CommittedOffsets {
  readonly #cluster: SimulatedCluster
  readonly #seen = new Map<string, number>()

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Fails where an offset of the group is before one that it had; the broker may forget offsets in between. */
  check(): void {
    for (const { topic, partition, offset } of this.#cluster.kafka.offsets(application)) {
      const place = `${topic}-${partition}`
      const before = this.#seen.get(place) ?? offset
      assert.ok(offset >= before, `${place}: the group had committed offset ${before}, and ${offset} was committed over it`)
      this.#seen.set(place, offset)
    }
  }
}
