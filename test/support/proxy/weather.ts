/** What befalls all bytes on their way, whatever they mean: slices, a slow line, silence in one direction. */

export type Direction = 'to-broker' | 'to-worker'

export interface Weather {
  /** Nothing longer is written at once, and each piece is sent by itself. */
  readonly chunkBytes?: number | undefined
  /** Of each connection and direction. */
  readonly bytesPerSecond?: number | undefined
  /** Nothing gets through in that direction, to the worker or to its server, and all of it once this is over, as with lost packets. */
  readonly blackhole?: Direction | null | undefined
  /** Where slices and the slow line are. Default: both ways. */
  readonly direction?: Direction | undefined
}

/** The weather of a proxy, as it changes. */
export class Forecast {
  #now: Weather = {}
  #change = Promise.withResolvers<void>()

  get now(): Weather {
    return this.#now
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#change.promise
  }

  /** From now on; what is not named is fair. */
  set(weather: Weather): void {
    this.#now = weather
    this.#change.resolve()
    this.#change = Promise.withResolvers<void>()
  }
}
