/** A wire that tells which brokers do not answer, and since when; and that the coordinator of a group or a transactional id is unknown. */
import type { Clock } from '../clock.ts'
import { ConnectionError } from '../errors.ts'
import { errorCode, errorName } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../kafka/wire/messages.ts'
import { bootstrapNode, type NodeId, type RequestOptions, type Wire } from '../kafka/wire/wire.ts'
import type { PossibleWait, Waits } from './waits.ts'

/** Who was not asked for so long is not missed any more: the partitions of a broker that is gone have moved. */
const forgottenAfterMs = 60_000

interface Missed {
  readonly wait: PossibleWait
  /** Monotonic, of the last request without an answer. */
  missedAt: number
}

export class WatchedWire implements Wire {
  readonly #inner: Wire
  readonly #clock: Clock
  readonly #waits: Waits
  /** By broker, and by the key of a coordinator. */
  readonly #missed = new Map<NodeId | string, Missed>()

  constructor(inner: Wire, clock: Clock, waits: Waits) {
    this.#inner = inner
    this.#clock = clock
    this.#waits = waits
  }

  async request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options?: RequestOptions,
  ): Promise<AnswerOf<A>> {
    this.#forget()
    try {
      const answer = await this.#inner.request(node, purpose, api, body, options)
      this.#found(node)
      // It stands for whichever broker answers.
      this.#found(bootstrapNode)
      if (api === 'FindCoordinator') this.#judge(answer as AnswerOf<'FindCoordinator'>)
      return answer
    } catch (error) {
      if (error instanceof ConnectionError) this.#miss(node, `${nameOf(node)} cannot be reached: ${error.message}`)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #judge({ coordinators }: AnswerOf<'FindCoordinator'>): void {
    for (const { key, errorCode: code } of coordinators) {
      if (code === errorCode.NONE) this.#found(key)
      else this.#miss(key, `the coordinator of ${key} is unknown: ${errorName(code)}`)
    }
  }

  #forget(): void {
    if (this.#missed.size === 0) return
    const now = this.#clock.monotonic()
    for (const [what, { missedAt }] of this.#missed) if (now - missedAt > forgottenAfterMs) this.#found(what)
  }

  #miss(what: NodeId | string, detail: string): void {
    const missedAt = this.#clock.monotonic()
    const missed = this.#missed.get(what) ?? { missedAt, wait: this.#waits.for('kafka') }
    missed.missedAt = missedAt
    missed.wait.tell(detail)
    this.#missed.set(what, missed)
  }

  #found(what: NodeId | string): void {
    this.#missed.get(what)?.wait.end()
    this.#missed.delete(what)
  }
}

const nameOf = (node: NodeId): string => (node === bootstrapNode ? 'Kafka (kafka.brokers)' : `broker ${node}`)
