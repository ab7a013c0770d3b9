/** What windows are by their definitions, computed plainly over a whole input, late records included: no code of caudal. */

/** A record as its source partition has it. */
export interface Arrived {
  readonly id: number
  readonly key: string
  readonly time: number
  readonly partition: number
  /** For sessions with markers. */
  readonly kind?: string
  /** The watermark of its partition that it is older than; −Infinity where it can't be late. */
  readonly stamp: number
}

export interface Expected {
  /** `key[start,end)=ids by`, sorted. */
  readonly rows: readonly string[]
  /** Ids, in ascending order. */
  readonly late: readonly number[]
  readonly outside: readonly number[]
}

interface Content {
  readonly start: number
  readonly end: number
  readonly ids: readonly number[]
  readonly closedBy: string
}

const ascending = (a: number, b: number): number => a - b
export const rowOf = (key: string, { start, end, ids, closedBy }: Content): string =>
  `${key}[${start},${end})=${ids.toSorted(ascending).join(' ')} ${closedBy}`

/** Gives each record its stamp: in the order in which they came, a partition's watermark is its newest time less the lateness. */
export function stamped<R extends { readonly time: number; readonly partition: number }>(
  records: readonly R[],
  lateness: number,
): readonly (R & { readonly stamp: number })[] {
  const watermarks = new Map<number, number>()
  return records.map((record) => {
    const watermark = watermarks.get(record.partition) ?? Number.NEGATIVE_INFINITY
    watermarks.set(record.partition, Math.max(watermark, record.time - lateness))
    return { ...record, stamp: record.time < watermark ? watermark : Number.NEGATIVE_INFINITY }
  })
}

const perKey = (records: readonly Arrived[]): ReadonlyMap<string, readonly Arrived[]> => Map.groupBy(records, ({ key }) => key)

/** Late is who is in no row. */
function expected(records: readonly Arrived[], contents: readonly (Content & { readonly key: string })[]): Expected {
  const taken = new Set(contents.flatMap(({ ids }) => ids))
  return {
    rows: contents.map((content) => rowOf(content.key, content)).toSorted(),
    late: records.map(({ id }) => id).filter((id) => !taken.has(id)),
    outside: [],
  }
}

/** Tumbling and hopping: a window takes what its own partition has not passed it with. */
export function alignedReference(
  records: readonly Arrived[],
  {
    size,
    advance,
    offset = 0,
    grace,
  }: { readonly size: number; readonly advance: number; readonly offset?: number; readonly grace: number },
): Expected {
  const windows = new Map<string, { key: string; start: number; end: number; ids: number[]; closedBy: string }>()
  for (const { id, key, time, stamp } of records) {
    for (let start = time - size + 1; start <= time; start++) {
      if ((((start - offset) % advance) + advance) % advance !== 0 || start + size + grace <= stamp) continue
      const window = windows.get(`${key} ${start}`) ?? { key, start, end: start + size, ids: [], closedBy: 'time' }
      window.ids.push(id)
      windows.set(`${key} ${start}`, window)
    }
  }
  return expected(records, [...windows.values()])
}

/** Sliding: [t − span, t] of each record at t that is in time for it, and [t + 1, t + 1 + span] of each that is in any, where not empty. */
export function slidingReference(
  records: readonly Arrived[],
  { span, grace }: { readonly span: number; readonly grace: number },
): Expected {
  const accepted = records.filter(({ time, stamp }) => stamp <= time + span + grace)
  const contents = [...perKey(accepted)].flatMap(([key, own]) => {
    const ends = new Set(own.flatMap(({ time }) => [time, time + 1 + span]))
    return [...ends].flatMap((end) => {
      const content = own.filter(({ time, stamp }) => time >= end - span && time <= end && stamp <= end + grace)
      const isBegun = content.some(({ time }) => time === end) || own.some(({ time }) => time + 1 + span === end)
      if (content.length === 0 || !isBegun) return []
      return { key, start: end - span, end: end + 1, ids: content.map(({ id }) => id), closedBy: 'time' }
    })
  })
  return expected(records, contents)
}

/**
 * Sessions by gap, of records whose partition is the only one of their task, or of which none has a stamp: a session is open to a record
 * whose partition has not passed it.
 */
export function gapReference(
  records: readonly Arrived[],
  { gap, grace }: { readonly gap: number; readonly grace: number },
): Expected {
  const contents = [...perKey(records)].flatMap(([key, own]) => {
    let sessions: { start: number; last: number; ids: readonly number[] }[] = []
    for (const { id, time, stamp } of own) {
      const isJoined = ({ start, last }: { readonly start: number; readonly last: number }) =>
        last + gap + grace >= stamp && time >= start - gap && time <= last + gap
      const joined = sessions.filter(isJoined)
      const last = Math.max(time, ...joined.map((session) => session.last))
      if (last + gap + grace < stamp) continue
      const start = Math.min(time, ...joined.map((session) => session.start))
      const session = { start, last, ids: [...joined.flatMap(({ ids }) => ids), id] }
      sessions = [...sessions.filter((other) => !joined.includes(other)), session]
    }
    return sessions.map(({ start, last, ids }) => ({ key, start, end: last + gap, ids, closedBy: 'gap' }))
  })
  return expected(records, contents)
}

export interface MarkerOptions {
  readonly gap: number
  readonly grace: number
  /** Whether only a start opens a session. */
  readonly needsStart: boolean
}
export const startsWith = (kind: string | undefined): boolean => kind?.startsWith('start') === true || kind === 'both'
export const endsWith = (kind: string | undefined): boolean => kind?.startsWith('end') === true || kind === 'both'

/** Sessions with markers, in the order of event time, then of partition and offset; where only starts open one, some are outside. */
export function markerReference(records: readonly Arrived[], { gap, grace, needsStart }: MarkerOptions): Expected {
  const accepted = records.filter(({ time, stamp }) => stamp <= time + grace)
  // Offsets rise with the ids.
  const inTurn = accepted.toSorted((a, b) => a.time - b.time || a.partition - b.partition || a.id - b.id)
  const rows: string[] = []
  const outside: number[] = []
  for (const [key, own] of perKey(inTurn)) {
    let open: { start: number; last: number; ids: readonly number[] } | undefined
    const close = (end: number, closedBy: string) => {
      if (open !== undefined) rows.push(rowOf(key, { start: open.start, end, ids: open.ids, closedBy }))
      open = undefined
    }
    for (const { id, time, kind } of own) {
      if (open !== undefined && time > open.last + gap) close(open.last + gap, 'gap')
      if (needsStart && startsWith(kind)) close(time, 'marker')
      if (open === undefined && needsStart && !startsWith(kind)) {
        outside.push(id)
        continue
      }
      open = { start: open?.start ?? time, last: time, ids: [...(open?.ids ?? []), id] }
      if (endsWith(kind)) close(time + 1, 'marker')
    }
    close((open?.last ?? 0) + gap, 'gap')
  }
  const late = records.filter((record) => !accepted.includes(record)).map(({ id }) => id)
  return { rows: rows.toSorted(), late, outside: outside.toSorted(ascending) }
}
