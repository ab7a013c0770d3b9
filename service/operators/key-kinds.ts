/** Of which kind the keys are that come out of each keyBy: remembered beyond the records that told, as rows may come without any. */
import type { Decoder } from '../codec/codec.ts'
import { type KeyKind, keyDecoders } from '../codec/text-keys.ts'
import type { Key, TopologyNode } from '../topology/node.ts'

export class KeyKinds {
  readonly #ids: ReadonlyMap<TopologyNode, number>
  readonly #kinds: Map<string, KeyKind>

  /** `ids`: of the graph. `known`: what an earlier life of the task had found. */
  constructor(ids: ReadonlyMap<TopologyNode, number>, known: Readonly<Record<string, KeyKind>>) {
    this.#ids = ids
    this.#kinds = new Map(Object.entries(known))
  }

  note(node: TopologyNode, kind: KeyKind): void {
    this.#kinds.set(this.#nameOf(node), kind)
  }

  /** How the keys of what goes into `node` are decoded: by what keyed it last. */
  decoderOf(node: TopologyNode): Decoder<Key> {
    for (let at = node.inputs[0]; at !== undefined; at = at.inputs[0]) {
      if (at.kind === 'source') return at.key
      if (at.kind === 'repartition') return keyDecoders[this.#kinds.get(this.#nameOf(at)) ?? 's']
    }
    return keyDecoders.s
  }

  known(): Readonly<Record<string, KeyKind>> {
    return Object.fromEntries(this.#kinds)
  }

  #nameOf(node: TopologyNode): string {
    return node.name ?? String(this.#ids.get(node))
  }
}
