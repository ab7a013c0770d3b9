/** Codecs that need something from outside before they can work: it is fetched between the cut of a batch and its decoding. */
import { CaudalError } from '../errors.ts'

/** Where a schema registry is, and who asks it. Not to be printed: it holds a password. */
export interface RegistryAddress {
  readonly url: string
  readonly username: string | null
  readonly password: string | null
}

export interface Preparation {
  /** Monotonic, ms. */
  readonly now: number
  /** The registry of codecs that name none; null where the configuration has none. */
  readonly registry: RegistryAddress | null
}

/** What such codecs have beside `encode` and `decode`. */
export interface PreparedCodec {
  /** Looks at bytes [start, end) that are to be decoded: the next preparation fetches what they need. */
  readonly foresee: (buffer: Buffer, start: number, end: number) => void
  /**
   * Fetches what is missing for this use; undefined where nothing is. It may be called again.
   * @throws RegistryUnavailableError; FatalError where nothing will mend it
   */
  readonly prepare: (use: 'decode' | 'encode', preparation: Preparation) => Promise<void> | undefined
}

/** What codecs have that are made of others. */
export interface ComposedCodec {
  readonly parts: readonly object[]
}

/**
 * Thrown by a codec that was not prepared for these bytes or this value, as it stands inside of others, or in a state; caught by the worker,
 * which prepares it and does the same again.
 */
export class UnpreparedError extends CaudalError {
  readonly code = 'unprepared'
  readonly use: 'decode' | 'encode'
  readonly codec: PreparedCodec
  constructor(message: string, use: 'decode' | 'encode', codec: PreparedCodec) {
    super(message)
    this.use = use
    this.codec = codec
  }
}

/** The codecs that are to be prepared in `codec`: itself, or what it is made of. */
export function preparedIn(codec: object): readonly PreparedCodec[] {
  const { foresee, prepare, parts } = codec as Partial<PreparedCodec & ComposedCodec>
  if (foresee !== undefined && prepare !== undefined) return [codec as PreparedCodec]
  return parts?.flatMap(preparedIn) ?? []
}
