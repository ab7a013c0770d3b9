/** The makers of windows: checked where their parameters are given, and frozen. */
import type { Duration } from '../duration.ts'
import { ConfigurationError } from '../errors.ts'
import type * as nodes from '../topology/node.ts'
import { check, checkedChoice, checkedFunction, checkedMs, checkedOptions, checkedWhole } from './checks.ts'
import type { SessionOptions, SessionWindows, WindowOptions, Windows } from './window-types.ts'

const specKey: unique symbol = Symbol('caudal.windows')

/** The spec that `windows` carries. @throws ConfigurationError for what no maker of windows made. */
export function specOf(windows: unknown): nodes.WindowSpec {
  const spec = (windows as { readonly [specKey]?: nodes.WindowSpec } | null | undefined)?.[specKey]
  if (spec !== undefined) return spec
  throw new ConfigurationError([
    'window() needs windows made by tumbling(), hopping(), sliding(), batches() or session() of this copy of caudal.',
  ])
}

const windowsFrom = (spec: nodes.WindowSpec): Windows<unknown> =>
  Object.freeze({ [specKey]: Object.freeze(spec) }) as unknown as Windows<unknown>

/** Windows of `size` side by side: [start, end), aligned to the epoch plus `offset`; starts before the epoch are as good as any. */
export function tumbling(size: Duration, options: WindowOptions = {}): Windows<unknown> {
  return windowsFrom(alignedSpec('tumbling', { size, advance: size, options }))
}

/** Windows of `size` that begin every `advance`, and so overlap: a record is in size / advance of them. As `tumbling` otherwise. */
export function hopping(size: Duration, advance: Duration, options: WindowOptions = {}): Windows<unknown> {
  return windowsFrom(alignedSpec('hopping', { size, advance, options }))
}

interface Alignment {
  readonly size: Duration
  readonly advance: Duration
  readonly options: WindowOptions
}

function alignedSpec(what: 'tumbling' | 'hopping', { size, advance, options }: Alignment): nodes.WindowSpec {
  const sizeMs = checkedMs(`The size of ${what}`, size, 1)
  const advanceMs = checkedMs(`The advance of ${what}`, advance, 1)
  check(
    advanceMs <= sizeMs,
    `The advance of ${what} is ${advanceMs} ms, more than its size of ${sizeMs} ms: records between two windows would be in none.`,
  )
  const { grace = 0, offset = 0 } = checkedOptions(what, options)
  const offsetMs = checkedMs(`The offset of ${what}`, offset) % advanceMs
  return { kind: 'aligned', sizeMs, advanceMs, offsetMs, graceMs: checkedMs(`The grace of ${what}`, grace) }
}

/** For each record at t the windows [t - span, t] and [t + 1, t + 1 + span], where not empty, each once. A row's `end` is exclusive. */
export function sliding(span: Duration, options: Pick<WindowOptions, 'grace'> = {}): Windows<unknown> {
  const spanMs = checkedMs('The span of sliding', span)
  const { grace = 0 } = checkedOptions('sliding', options)
  return windowsFrom({ kind: 'sliding', spanMs, graceMs: checkedMs('The grace of sliding', grace) })
}

/**
 * The last `length` batches, every `slide` of them (default 1): the windows of Spark's DStreams. A batch is an interval of the topology's
 * trigger, which must be `{ every }`; intervals without records, or missed while nobody ran, count as empty ones. A record belongs to the
 * batch in which it was read from its source, also behind keyBy. Every window has one row, when its last batch is over, the same in
 * `append` and `update`; a key without records in a window has none, unless its aggregate has `remove`. `start` and `end` are times of the
 * wall clock, so a repeated run has other windows.
 */
export function batches(length: number, slide = 1): Windows<unknown> {
  checkedWhole('The length of batches', length, 1)
  checkedWhole('The slide of batches', slide, 1)
  check(
    slide <= length,
    `The slide of batches is ${slide}, more than its length of ${length}: records between two windows would be in none.`,
  )
  return windowsFrom({ kind: 'batches', length, slide })
}

/**
 * Ended by silence (`gap`), by a record (`endsWith`, or the next `startsWith`), or by whichever comes first; opened by any record, or only
 * by `startsWith`. With markers, records wait until the watermark passes them and are taken in order of time (`order: 'time'`, the
 * default), so that a marker that overtook its neighbours splits nothing wrongly; `'arrival'` takes them as they come.
 */
export function session<V>(options: SessionOptions<V>): SessionWindows<V> {
  const { gap, startsWith, endsWith, grace = 0, order = 'time' } = checkedOptions<Partial<SessionOptions<V>>>('session', options)
  for (const [name, marker] of Object.entries({ startsWith, endsWith }))
    if (marker !== undefined) checkedFunction(`${name} of session`, marker)
  const hasMarkers = startsWith !== undefined || endsWith !== undefined
  check(gap !== undefined || hasMarkers, 'A session never ends: give it a gap, endsWith or startsWith, or several of them.')
  const gapMs = gap === undefined ? null : checkedMs('The gap of session', gap, 1)
  const graceMs = checkedMs('The grace of session', grace)
  checkedChoice('The order of session', order, ['time', 'arrival'])
  check(
    order === 'time' || hasMarkers,
    "A session has order 'arrival' and neither startsWith nor endsWith: without markers the order of records makes no difference.",
  )
  check(
    order === 'time' || graceMs === 0,
    "A session has order 'arrival' and a grace: records that are taken as they come are not waited for.",
  )
  // The markers are called with the values of the stream that the windows are given to, which the type `SessionWindows<V>` holds.
  const markers = { startsWith, endsWith } as Pick<nodes.SessionWindows, 'startsWith' | 'endsWith'>
  const spec: nodes.WindowSpec = Object.freeze({ kind: 'session', gapMs, ...markers, graceMs, order })
  return Object.freeze({ [specKey]: spec, merges: true }) as unknown as SessionWindows<V>
}
