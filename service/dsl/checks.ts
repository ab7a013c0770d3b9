/** Checks of what is given to the language, where it is given: types are stripped before a topology runs. */
import { inspect } from 'node:util'
import { type Duration, durationMs } from '../duration.ts'
import { ConfigurationError } from '../errors.ts'
import { nameDefect, topicNameDefect } from '../topology/names.ts'

const refuse = (sentence: string): never => {
  throw new ConfigurationError([sentence])
}

const shown = (value: unknown): string => inspect(value, { depth: 0, maxStringLength: 60, breakLength: Number.POSITIVE_INFINITY })

/** @throws ConfigurationError unless `name` is lower-case letters, digits and hyphens. */
export function checkedName(what: string, name: string): string {
  const defect = nameDefect(what, name)
  return defect === undefined ? name : refuse(defect)
}

/** @throws ConfigurationError unless Kafka would take `topic`. */
export function checkedTopic(what: string, topic: string): string {
  if (typeof topic !== 'string') return refuse(`${what} needs the name of a topic, and was given ${shown(topic)}.`)
  const defect = topicNameDefect(topic)
  return defect === undefined ? topic : refuse(`${what}: ${defect}`)
}

/** @throws ConfigurationError unless `fn` is a function. */
export function checkedFunction<F>(what: string, fn: F): F {
  return typeof fn === 'function' ? fn : refuse(`${what} needs a function, and was given ${shown(fn)}.`)
}

/** @throws ConfigurationError unless `codec` has a name and all of `methods`. */
export function checkedCodec<C>(what: string, codec: C, methods: readonly ('encode' | 'decode')[]): C {
  const given = codec as Readonly<Record<string, unknown>> | null | undefined
  const fits = typeof given?.['name'] === 'string' && methods.every((method) => typeof given[method] === 'function')
  return fits ? codec : refuse(`${what} needs a codec such as json(), and was given ${shown(codec)}.`)
}

/** As `checkedCodec`, for a store. @throws ConfigurationError for a nullable codec: null in a store is a deleted entry. */
export function checkedStateCodec<C extends { readonly nullable?: true }>(what: string, codec: C): C {
  if (checkedCodec(what, codec, ['encode', 'decode']).nullable !== true) return codec
  return refuse(`${what} has a nullable codec for its state, where null would read as deleted: take nullable() off.`)
}

/** @throws ConfigurationError unless `value` is one of `allowed`. */
export function checkedChoice<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  return allowed.includes(value) ? value : refuse(`${what} is ${shown(value)}; it is one of: ${allowed.join(', ')}.`)
}

/** @throws ConfigurationError unless `value` is a whole number of at least `least`. */
export function checkedWhole(what: string, value: number, least: number): number {
  return Number.isSafeInteger(value) && value >= least
    ? value
    : refuse(`${what} is ${shown(value)}; it is a whole number from ${least} up.`)
}

/** Milliseconds of `duration`, for event time. @throws ConfigurationError unless they are a whole number of at least `leastMs`. */
export function checkedMs(what: string, duration: Duration, leastMs = 0): number {
  const ms = durationMs(duration, what)
  if (!Number.isSafeInteger(ms)) return refuse(`${what} is ${shown(duration)}: event time is counted in whole milliseconds.`)
  return ms >= leastMs ? ms : refuse(`${what} is ${shown(duration)}; it is at least ${leastMs} ms.`)
}

/** @throws ConfigurationError unless `options` is an object. */
export function checkedOptions<O extends object>(what: string, options: O): O {
  return typeof options === 'object' && options !== null
    ? options
    : refuse(`${what} needs options, and was given ${shown(options)}.`)
}

/** @throws ConfigurationError with `sentence` where `holds` does not. */
export function check(holds: unknown, sentence: string): asserts holds {
  if (!holds) refuse(sentence)
}
