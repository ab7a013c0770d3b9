/** What holds of logs and offsets whatever the topology does. */
import { type Anomaly, placeOf } from './anomaly.ts'
import { recordsOf } from './expected.ts'
import type { History, LogRecord } from './history.ts'

/** Nothing hangs: a read_committed reader comes to the end of everything. */
export const checkEnds = ({ final }: History): readonly Anomaly[] =>
  final.ends
    .filter(({ stable, end }) => stable < end)
    .map((ends) => ({
      kind: 'hanging-transaction',
      where: placeOf(ends),
      what: `read_committed comes to ${ends.stable} of ${ends.end}`,
    }))

/** What was acknowledged stands where the answer said. */
export function checkInput({ input, sent, final }: History): readonly Anomaly[] {
  const stored = byOffset(recordsOf(final.raw, input))
  const first = new Map(final.ends.map((ends) => [placeOf(ends), ends.first]))
  return sent.flatMap(({ partition, offset, key, value }): readonly Anomaly[] => {
    const where = placeOf({ topic: input, partition })
    if (offset < (first.get(where) ?? 0)) return []
    const found = stored.get(`${where}@${offset}`)
    if (found?.key === key && found.value === value) return []
    return [{ kind: 'lost', where, what: `${key}=${value}, acknowledged at ${offset}, is not there` }]
  })
}

/** No committed position goes back. */
export function checkOffsets({ offsets }: History): readonly Anomaly[] {
  const last = new Map<string, number>()
  return offsets.flatMap((commit): readonly Anomaly[] => {
    const where = placeOf(commit)
    const before = last.get(where) ?? 0
    last.set(where, commit.offset)
    if (commit.offset >= before) return []
    return [{ kind: 'non-monotonic-commit', where, what: `${commit.offset} is committed after ${before}` }]
  })
}

/**
 * What the reader saw while it was written is what stands there in the end: nothing that was taken back, nothing passed over (compare the
 * checks of Jepsen for Kafka: aborted read, inconsistent offsets, poll skip, non-monotonic poll).
 */
export function checkSeen({ seen, final }: History): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const committed = byOffset(final.committed)
  const compacted = new Map(final.ends.map((ends) => [placeOf(ends), ends.first]))
  const last = new Map<string, number>()
  const met = new Set<string>()
  for (const record of seen) {
    const where = placeOf(record)
    const at = `${where}@${record.offset}`
    const before = last.get(where) ?? -1
    const stands = committed.get(at)
    if (record.offset <= before)
      anomalies.push({ kind: 'reordered', where, what: `offset ${record.offset} was seen after ${before}` })
    if (record.offset >= (compacted.get(where) ?? 0) && (stands?.key !== record.key || stands.value !== record.value))
      anomalies.push({
        kind: 'aborted-read',
        where,
        what: `${record.key}=${record.value} was seen at ${record.offset}, and is gone`,
      })
    last.set(where, Math.max(before, record.offset))
    met.add(at)
  }
  for (const [at, record] of committed) {
    const where = placeOf(record)
    if (record.offset < (last.get(where) ?? -1) && !met.has(at))
      anomalies.push({
        kind: 'lost',
        where,
        what: `${record.key}=${record.value} at ${record.offset} was passed over by the reader`,
      })
  }
  return anomalies
}

const byOffset = (records: readonly LogRecord[]): ReadonlyMap<string, LogRecord> =>
  new Map(records.map((record) => [`${placeOf(record)}@${record.offset}`, record]))
