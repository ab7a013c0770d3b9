/** One direction of a connection: what is sent on it keeps its order, and has the weather against it. */
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import type { Direction, Forecast, Weather } from './weather.ts'

/** Done at once, or when the promise is settled. */
type Step = () => Promise<void> | void

/** After so many pieces the other connections have a turn. */
const piecesPerTurn = 200
/** A slow line brings its bytes in so many pieces a second. */
const piecesPerSecond = 20

export class Channel {
  readonly #target: Socket
  readonly #forecast: Forecast
  readonly #direction: Direction
  readonly #steps: Step[] = []
  #isRunning = false
  #isStalled = false

  constructor(target: Socket, forecast: Forecast, direction: Direction) {
    this.#target = target
    this.#forecast = forecast
    this.#direction = direction
  }

  /** Takes a step when all before it are done; at once where there are none, so that fair weather costs nothing. */
  enqueue(step: Step): void {
    this.#steps.push(step)
    if (!this.#isRunning) void this.#run()
  }

  /** Nothing that comes later gets through. */
  stall(): void {
    this.#isStalled = true
  }

  /** Sends bytes, whole and in their order; to be called within a step. What the target no longer takes is lost. */
  write(bytes: Buffer): Promise<void> | void {
    if (this.#isStalled) return
    const { chunkBytes, bytesPerSecond } = this.#pace
    if (chunkBytes === undefined && bytesPerSecond === undefined && !this.#isClosed) return this.#put(bytes)
    return this.#writeAgainstWeather(bytes)
  }

  /** Ends the target behind all that was sent. */
  end(): void {
    this.enqueue(() =>
      this.#forecast.now.blackhole === this.#direction ? this.#endAfterBlackhole() : this.#target.destroySoon(),
    )
  }

  get #isClosed(): boolean {
    return this.#forecast.now.blackhole === this.#direction
  }

  get #pace(): Pick<Weather, 'chunkBytes' | 'bytesPerSecond'> {
    const { now } = this.#forecast
    return now.direction === undefined || now.direction === this.#direction ? now : {}
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      const done = step()
      if (done !== undefined) await done
    }
    this.#isRunning = false
  }

  async #writeAgainstWeather(bytes: Buffer): Promise<void> {
    for (let at = 0, pieces = 1; at < bytes.length && this.#target.writable; pieces++) {
      await this.#untilOpen()
      const { chunkBytes = bytes.length, bytesPerSecond } = this.#pace
      const paced = bytesPerSecond === undefined ? bytes.length : Math.max(1, Math.floor(bytesPerSecond / piecesPerSecond))
      const piece = bytes.subarray(at, at + Math.min(chunkBytes, paced))
      this.#put(piece)
      at += piece.length
      if (bytesPerSecond !== undefined) await delay((1000 * piece.length) / bytesPerSecond)
      else if (pieces % piecesPerTurn === 0) await nextTurn()
    }
  }

  async #endAfterBlackhole(): Promise<void> {
    await this.#untilOpen()
    this.#target.destroySoon()
  }

  async #untilOpen(): Promise<void> {
    while (this.#isClosed) await this.#forecast.changed
  }

  #put(bytes: Buffer): void {
    if (this.#target.writable) this.#target.write(bytes)
  }
}
