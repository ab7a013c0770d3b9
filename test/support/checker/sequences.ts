/** Two sequences of rows, the one that was found and the one that was wanted. */
import type { Anomaly } from './anomaly.ts'

export interface Sequences {
  readonly where: string
  readonly found: readonly string[]
  readonly wanted: readonly string[]
  /** What a row is that is not wanted at all. */
  readonly strange: (row: string) => Omit<Anomaly, 'where'>
}

/** Rows that are missing, too many or strange, each by itself; and the first place where the others are in another order. */
export function differences({ where, found, wanted, strange }: Sequences): readonly Anomaly[] {
  const [has, needs] = [countsOf(found), countsOf(wanted)]
  const anomalies: Anomaly[] = []
  for (const [row, count] of has) {
    const due = needs.get(row) ?? 0
    if (due === 0) anomalies.push({ where, ...strange(row) })
    else if (count > due) anomalies.push({ kind: 'duplicated', where, what: `${row} is there ${count} times, not ${due}` })
  }
  for (const [row, due] of needs) {
    const count = has.get(row) ?? 0
    if (count < due) anomalies.push({ kind: 'lost', where, what: `${row} is there ${count} times, not ${due}` })
  }
  const isRight = (row: string) => has.get(row) === needs.get(row)
  const [left, right] = [found.filter(isRight), wanted.filter(isRight)]
  const differs = left.findIndex((row, index) => row !== right[index])
  if (differs >= 0) anomalies.push({ kind: 'reordered', where, what: `${left[differs]} comes where ${right[differs]} should` })
  return anomalies
}

function countsOf(rows: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1)
  return counts
}
