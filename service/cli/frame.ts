/** The live view as lines of text: a pure function of what is shown. */
import { stripVTControlCharacters, styleText } from 'node:util'
import type { Observation } from './observation.ts'
import { type Caption, count, rate, type ShownRow, tasksText, timeOfDay } from './view.ts'

export interface FrameInput {
  readonly caption: Caption
  readonly observation: Observation | undefined
  /** Oldest first. */
  readonly rows: readonly ShownRow[]
  /** Milliseconds since the view was opened. */
  readonly elapsedMs: number
  readonly columns: number
  readonly rowsMax: number
}

const indent = '  '

export function frame({ caption, observation, rows, elapsedMs, columns, rowsMax }: FrameInput): string[] {
  const state = observation?.state ?? 'starting'
  const title = `caudal ${caption.command} · ${caption.application}`
  const lines = [
    '',
    `${styleText('bold', title)} · ${styleText(colourOf(state), state)} · ${elapsed(elapsedMs)}`,
    '',
    ...(observation ? figures(caption, observation) : []),
    ...newestRows(rows, rowsMax),
    '',
    ...caption.pointers.map(([name, place]) => `${indent}${styleText('dim', name.padEnd(10))}${place}`),
    `${indent}${styleText('dim', 'Ctrl-C'.padEnd(10))}stops everything`,
  ]
  return lines.map((line) => cut(line, columns))
}

function figures({ sources, sinks }: Caption, observation: Observation): string[] {
  const { inPerSecond, recordsIn, outPerSecond, recordsOut, lag, batches, reasons } = observation
  const row = (name: string, perSecond: string, total: string, what: string) =>
    `${indent}${styleText('dim', name.padEnd(10))}${perSecond.padStart(10)}${total.padStart(14)}  ${styleText('dim', what)}`
  return [
    row('in', rate(inPerSecond), count(recordsIn), sources.join(', ')),
    row('out', rate(outPerSecond), count(recordsOut), sinks.join(', ')),
    row('lag', '', count(lag), 'records not yet processed'),
    row('batches', '', count(batches), tasksText(observation)),
    ...reasons.map((reason) => `${indent}${styleText('yellow', reason)}`),
  ]
}

function newestRows(rows: readonly ShownRow[], rowsMax: number): string[] {
  if (rows.length === 0 || rowsMax <= 0) return []
  const shown = rows.slice(-rowsMax)
  const froms = [...new Set(shown.map((row) => row.from))]
  const line = ({ from, text, time }: ShownRow) => {
    const topic = froms.length > 1 ? `${from}: ` : ''
    return `${indent}${styleText('dim', timeOfDay(time))}  ${topic}${text}`
  }
  return ['', `${indent}${styleText('bold', `newest rows of ${froms.join(', ')}`)}`, ...shown.map(line)]
}

function colourOf(state: Observation['state']): 'green' | 'yellow' | 'red' {
  if (state === 'running') return 'green'
  return state === 'failed' ? 'red' : 'yellow'
}

/** `0:07`, `12:34`, `1:02:03`. */
function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** A line that would wrap would break the redrawing; its styling is dropped where it must be cut. */
function cut(line: string, columns: number): string {
  const letters = Array.from(stripVTControlCharacters(line))
  return letters.length < columns ? line : `${letters.slice(0, Math.max(0, columns - 2)).join('')}…`
}
