/** The request port: decoded requests to a node of a Kafka cluster. kafkajs' sockets and the in-memory Kafka implement it. */
import type { AnswerOf, Api, RequestOf } from './messages.ts'

export type NodeId = number

/** Any node of the bootstrap list: for Metadata, FindCoordinator and ApiVersions before nodes are known. */
export const bootstrapNode: NodeId = -1

export interface RequestOptions {
  /** How long to wait for the answer. Requests that the broker may hold (Fetch, JoinGroup) need their own. Default 30 000. */
  readonly timeoutMs?: number
  /** No version of the request above this one, where a higher one does something else. Default: the highest that both sides know. */
  readonly versionMax?: number | undefined
}

export interface Wire {
  /**
   * Sends one request and resolves with its answer, whatever error codes that carries. Requests of one `purpose` to one node share a
   * connection and are answered in order; requests that the broker holds must not share one with requests that hurry.
   * The adapter learns the addresses of nodes from the Metadata and FindCoordinator answers that pass through it.
   * @throws ConnectionError when there is no connection, or no answer: whether the request took effect is then unknown.
   */
  request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options?: RequestOptions,
  ): Promise<AnswerOf<A>>
  close(): Promise<void>
}
