/** One connection to one broker: frames out, answers in, and a time-out that looks into the socket first. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../clock.ts'
import { ConfigurationError, ConnectionError } from '../../errors.ts'
import type { KafkajsConnection, UnopenedConnection } from './kafka-sockets.ts'
import { lackOfOne, oldestKafka, versionFor } from './api-versions.ts'
import { type Api, apiKey, spokenVersions } from './messages.ts'
import { correlationIdOffset } from './wire-codec.ts'

interface OpenOptions {
  /** "host:port", for messages. */
  readonly address: string
  readonly timeoutMs: number
  readonly closing: AbortSignal
}

/** A request as it goes out. */
export interface EncodedRequest {
  readonly api: Api
  readonly version: number
  readonly frame: readonly Buffer[]
}

export class KafkaConnection {
  readonly address: string
  private readonly connection: KafkajsConnection

  private constructor(address: string, connection: KafkajsConnection) {
    this.address = address
    this.connection = connection
  }

  /**
   * Connects, asks for the broker's versions and authenticates.
   * @throws ConnectionError when that fails, takes longer than `timeoutMs` or `closing` is aborted
   */
  static async open(unopened: UnopenedConnection, { address, timeoutMs, closing }: OpenOptions): Promise<KafkaConnection> {
    const opened = new KafkaConnection(address, unopened.connection)
    const done = new AbortController()
    // kafkajs bounds the connect itself, but neither the question for versions nor the authentication.
    const late = systemClock.sleep(timeoutMs, AbortSignal.any([done.signal, closing])).then(() => 'late' as const)
    try {
      if ((await Promise.race([unopened.connect(), late])) === 'late') {
        throw new Error(closing.aborted ? 'it is being closed' : `not connected within ${timeoutMs} ms`)
      }
      return opened
    } catch (cause) {
      const error = new ConnectionError(`No connection to ${address}: ${messageOf(cause)}`, { cause, fields: { address } })
      await opened.abandon(error)
      throw error
    } finally {
      done.abort()
    }
  }

  /** Whether requests can be sent; a connection whose SASL session is about to end takes no more. */
  get isUsable(): boolean {
    return this.connection.isConnected() && (this.connection.sasl === null || this.connection.isAuthenticated())
  }

  /** The version in which this broker is sent the request. @throws ConfigurationError when it is too old, or too new, for all of them */
  versionOf(api: Api, versionMax?: number): number {
    const { versions } = this.connection
    // Not known where the connection was never opened: then nothing is sent either.
    const version = versions === null ? spokenVersions[api].highest : versionFor(api, versions, versionMax)
    if (version !== null) return version
    throw new ConfigurationError([
      `The broker at ${this.address} cannot be used: ${lackOfOne(api, versions ?? {})}. caudal needs Kafka ${oldestKafka} or newer.`,
    ])
  }

  /**
   * Sends the frame and resolves with the bytes of its answer behind the correlation id.
   * @throws ConnectionError when there is no answer, because the connection ended or `timeoutMs` passed; a time-out ends it
   */
  async send(request: EncodedRequest, timeoutMs: number): Promise<Buffer> {
    const { api } = request
    const settled = new AbortController()
    const answer = this.push(request)
    const judged = this.judgeTime(api, timeoutMs, settled.signal)
    try {
      return await answer
    } catch (cause) {
      const message = `No answer to ${api} from ${this.address}: ${messageOf(cause)}`
      throw new ConnectionError(message, { cause, fields: { api, address: this.address } })
    } finally {
      settled.abort()
      await judged
    }
  }

  /** Takes no more requests, and closes when those in flight are answered. */
  async retire(): Promise<void> {
    await this.connection.disconnect()
  }

  /** Ends the connection now; what is in flight is rejected with `error`. */
  async abandon(error: ConnectionError): Promise<void> {
    this.connection.requestQueue.rejectAll(error)
    await this.connection.disconnect()
    const { socket } = this.connection
    // kafkajs stops the timer of an attempt to connect when it hears of an error, not when the socket is closed.
    if (socket?.connecting === true) socket.destroy(error)
    else socket?.destroy()
  }

  private push({ api, version, frame }: EncodedRequest): Promise<Buffer> {
    const { connection } = this
    return new Promise((resolve, reject) => {
      const { socket } = connection
      if (socket === undefined || !connection.isConnected()) throw new Error('the connection is closed')
      const correlationId = connection.nextCorrelationId()
      frame[0]?.writeInt32BE(correlationId, correlationIdOffset)
      connection.requestQueue.push({
        entry: {
          apiKey: apiKey[api],
          apiName: api,
          apiVersion: version,
          correlationId,
          resolve: ({ payload }) => resolve(payload),
          reject,
        },
        expectResponse: true,
        requestTimeout: null,
        sendRequest() {
          socket.cork()
          for (const bytes of frame) socket.write(bytes)
          socket.uncork()
        },
      })
    })
  }

  /**
   * Ends the connection when a request was not answered in time: answers come in order, so nothing behind it would come either.
   * After the event loop was blocked the answer may lie in the socket (P17), so that is read before judging.
   */
  private async judgeTime(api: Api, timeoutMs: number, settled: AbortSignal): Promise<void> {
    await systemClock.sleep(timeoutMs, settled)
    for (let read = -1; !settled.aborted && this.bytesRead > read; ) {
      read = this.bytesRead
      await nextTurn()
    }
    if (settled.aborted) return
    const message = `${api} was not answered by ${this.address} within ${timeoutMs} ms`
    await this.abandon(new ConnectionError(message, { fields: { api, address: this.address, timeoutMs } }))
  }

  private get bytesRead(): number {
    return this.connection.socket?.bytesRead ?? 0
  }
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
