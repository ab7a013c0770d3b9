/** Transactions back to back, under several transactional ids in turn: each is ready again while the others are at work (P6). */
import { allEnded } from './all-ended.ts'
import { ProducerLifecycle, type ProducerState } from './producer-lifecycle.ts'
import type { TransactionalProducer } from './transactional-producer.ts'

/** What a worker makes its transactions with. */
export type Transactions = Pick<
  TransactionalProducer,
  'state' | 'initialise' | 'renew' | 'produce' | 'commitOffsets' | 'commit' | 'abort'
>

/**
 * A broker takes nothing of a transactional id before the markers of its last transaction have landed; another id need not wait for them.
 * One transaction at a time all the same: the next id's turn comes when the end of the last transaction was answered, so that it is decided,
 * and an error of one is an error of all: they are initialised, renewed and fenced together. As a whole it is a producer like any other.
 */
export class AlternatingProducer implements Transactions {
  readonly #producers: readonly [Transactions, ...Transactions[]]
  readonly #life = new ProducerLifecycle()
  #turn = 0

  constructor(producers: readonly [Transactions, ...Transactions[]]) {
    this.#producers = producers
  }

  get state(): ProducerState {
    return this.#life.state
  }

  initialise(): Promise<void> {
    return this.#life.run('initialise', () => this.#each((producer) => producer.initialise()))
  }

  renew(): Promise<void> {
    return this.#life.run('renew', () => this.#each((producer) => producer.renew()))
  }

  produce(...given: Parameters<Transactions['produce']>): ReturnType<Transactions['produce']> {
    return this.#life.run('produce', () => this.#present.produce(...given))
  }

  commitOffsets(...given: Parameters<Transactions['commitOffsets']>): Promise<void> {
    return this.#life.run('commitOffsets', () => this.#present.commitOffsets(...given))
  }

  async commit(): Promise<void> {
    await this.#life.run('commit', () => this.#present.commit())
    this.#turn += 1
  }

  async abort(): Promise<void> {
    await this.#life.run('abort', () => this.#present.abort())
  }

  get #present(): Transactions {
    return this.#producers[this.#turn % this.#producers.length] ?? this.#producers[0]
  }

  #each(call: (producer: Transactions) => Promise<void>): Promise<void> {
    return allEnded(this.#producers.map(call))
  }
}
