/** How a running topology is shown: over and over in one place on a terminal, else line after line. */
import type { Observation } from './observation.ts'

/** A committed row, as text. */
export interface ShownRow {
  /** Topic or print sink. */
  readonly from: string
  readonly text: string
  readonly time: number
}

/** What a view tells beside figures: names that do not change while it runs. */
export interface Caption {
  readonly command: string
  readonly application: string
  readonly sources: readonly string[]
  readonly sinks: readonly string[]
  /** Lines on where to look next, as name and place. */
  readonly pointers: readonly (readonly [string, string])[]
}

export interface View {
  show(observation: Observation): void
  rows(rows: readonly ShownRow[]): void
  note(line: string): void
  /** Leaves the last state standing. */
  close(): void
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,234,567`. */
export const count = (value: number) => grouped.format(value)

/** `200/s`, `1,200/s`; below ten with one decimal. */
export const rate = (value: number) => `${value > 0 && value < 9.95 ? value.toFixed(1) : grouped.format(value)}/s`

/** `14:03:59`, in UTC as logs have it. */
export const timeOfDay = (epochMs: number) => new Date(epochMs).toISOString().slice(11, 19)

/** `4 tasks`, `1 task, restoring total 20 %`. */
export function tasksText({ tasks }: Observation): string {
  const restoring = tasks.filter(({ state }) => state === 'restoring')
  const shares = restoring.flatMap(({ restoring: store }) =>
    store ? [`${store.store} ${percent(store.done, store.total)}`] : [],
  )
  const waiting =
    restoring.length === 0 ? '' : `, ${restoring.length} restoring${shares.length > 0 ? ` (${shares.join(', ')})` : ''}`
  return `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'}${waiting}`
}

const percent = (done: number, total: number) => `${total === 0 ? 100 : Math.floor((done / total) * 100)} %`
