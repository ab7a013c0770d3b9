/** Other producers of the input topics, each with one transaction. Theirs is nobody's business: that anybody fences them is a failure. */
import { errorCode, errorName } from '../../service/kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { TransactionProtocol } from '../../service/kafka/wire/transaction-protocol.ts'
import type { Wire } from '../../service/kafka/wire/wire.ts'
import type { Clock } from '../../service/clock.ts'
import type { PlacedValue, SimulatedCluster } from './simulated-cluster.ts'

export interface Stranger {
  readonly name: string
  readonly key: string
  /** Resolves when its record is there, in an open transaction. */
  readonly open: Promise<OpenTransaction>
  isEnding: boolean
}

const keyOf = (number: number): string => `z${String.fromCharCode('a'.charCodeAt(0) + number)}`

interface OpenTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  readonly placed: PlacedValue
}

/** Coordinators that have moved, or are loading, are asked again. */
const attemptsMax = 1000
const pauseMs = 20
const timeoutMs = 900_000
const passing: readonly number[] = [
  errorCode.NOT_COORDINATOR,
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.CONCURRENT_TRANSACTIONS,
  errorCode.NOT_LEADER_OR_FOLLOWER,
  errorCode.NOT_ENOUGH_REPLICAS,
]

export interface StrangersOptions {
  readonly clock: Clock
  readonly protocol: TransactionProtocol
  /** Somebody has done to them what nobody should. */
  readonly wronged: (what: string) => void
}

export class Strangers {
  readonly #cluster: SimulatedCluster
  readonly #clock: Clock
  readonly #wire: Wire
  readonly #protocol: TransactionProtocol
  readonly #wronged: (what: string) => void
  readonly #there = new Set<Stranger>()
  #count = 0

  constructor(cluster: SimulatedCluster, { clock, protocol, wronged }: StrangersOptions) {
    this.#cluster = cluster
    this.#clock = clock
    this.#protocol = protocol
    this.#wire = cluster.kafka.wire('strangers')
    this.#wronged = wronged
  }

  /** Whose transactions are not over. */
  get count(): number {
    return this.#there.size
  }

  /** Writes one record in a transaction that stays open. */
  begin(): Stranger {
    const number = this.#count++
    const key = keyOf(number)
    const stranger = { name: `stranger-${number}`, key, open: this.#write(`stranger-${number}`, key), isEnding: false }
    this.#there.add(stranger)
    return stranger
  }

  /** Those of transactions that are over, one way or the other. */
  get keys(): readonly string[] {
    const open = new Set([...this.#there].map(({ key }) => key))
    return Array.from({ length: this.#count }, (_, number) => keyOf(number)).filter((key) => !open.has(key))
  }

  /** Keys are two letters, as all are. */
  get isExhausted(): boolean {
    return this.#count >= 26
  }

  end(stranger: Stranger, outcome: 'commit' | 'abort'): void {
    if (stranger.isEnding) return
    stranger.isEnding = true
    void this.#end(stranger, outcome === 'commit')
  }

  abortAll(): void {
    for (const stranger of this.#there) this.end(stranger, 'abort')
  }

  async #write(transactionalId: string, key: string): Promise<OpenTransaction> {
    const initialised = await this.#asked('InitProducerId', {
      body: { transactionalId, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1 },
      codeOf: (answer) => answer.errorCode,
    })
    const { producerId, producerEpoch } = initialised
    const { topic, partition, batch, value } = this.#cluster.record(key, 1)
    const add = {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    }
    if (this.#protocol === 1)
      await this.#asked('AddPartitionsToTxn', {
        body: add,
        codeOf: (answer) => answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? 0,
      })
    const records = batch.finish({ producerId, producerEpoch, firstSequence: 0, transactional: true, compression: 'none' })
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
    const produced = await this.#asked('Produce', {
      body: { transactionalId, acks: -1, timeoutMs: 1000, topicData },
      codeOf: (answer) => answer.responses[0]?.partitionResponses[0]?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR,
    })
    const offset = produced.responses[0]?.partitionResponses[0]?.baseOffset ?? -1
    return { producerId, producerEpoch, placed: { topic, partition, offset, value } }
  }

  async #end(stranger: Stranger, committed: boolean): Promise<void> {
    const { name, key } = stranger
    const { producerId, producerEpoch, placed } = await stranger.open
    await this.#asked('EndTxn', {
      body: { transactionalId: name, producerId, producerEpoch, committed },
      codeOf: (answer) => answer.errorCode,
    })
    if (committed) this.#cluster.committed(key, 1, placed)
    this.#there.delete(stranger)
  }

  /** Whichever node answers, and until it does so well. */
  async #asked<A extends Api>(
    api: A,
    { body, codeOf }: { readonly body: RequestOf<A>; readonly codeOf: (answer: AnswerOf<A>) => number },
  ): Promise<AnswerOf<A>> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      for (const node of this.#cluster.kafka.nodes) {
        const answer = await this.#wire.request(node, api, api, body)
        const code = codeOf(answer)
        if (code === errorCode.NONE) return answer
        if (!passing.includes(code)) this.#wronged(`a stranger's ${api} was answered ${errorName(code)}`)
      }
      await this.#clock.sleep(pauseMs)
    }
    throw new Error(`a stranger's ${api} was refused ${attemptsMax} times`)
  }
}
