/** What class-sessions comes to, by hand. */
import classSessions from '../../../topologies/class-sessions.ts'
import type { Final, Golden, InputLine } from '../golden.ts'

interface ClassEvent {
  readonly person: string
  readonly room: string
  readonly kind: 'start' | 'speak' | 'end'
  readonly at: string
}
export interface Lesson {
  readonly room: string
  readonly from: string
  readonly to: string
  readonly endedBy: 'marker' | 'gap'
  readonly tookPart: Readonly<Record<string, number>>
}

const gapMs = 15 * 60_000
const latenessMs = 2 * 60_000
const eventOf = ({ value }: InputLine) => value as ClassEvent
const timeOf = (line: InputLine) => Date.parse(eventOf(line).at)

/** Those that come more than two minutes after a newer one. */
function lateOf(lines: readonly InputLine[]): ReadonlySet<InputLine> {
  let newest = Number.NEGATIVE_INFINITY
  const late = new Set<InputLine>()
  for (const line of lines) {
    newest = Math.max(newest, timeOf(line))
    if (timeOf(line) < newest - latenessMs) late.add(line)
  }
  return late
}

/** The lessons of one room, from all that happened in it, in order of time. */
function lessonsOf(room: string, events: readonly ClassEvent[]): readonly Final[] {
  const rows: Final[] = []
  let lesson: ClassEvent[] = []
  const end = (endedBy: Lesson['endedBy']) => {
    const [from, to] = [lesson[0]?.at ?? '', lesson.at(-1)?.at ?? '']
    const tookPart: Record<string, number> = {}
    for (const { person } of lesson) tookPart[person] = (tookPart[person] ?? 0) + 1
    const value: Lesson = { room, from, to, endedBy, tookPart }
    if (lesson.length > 0) rows.push({ topic: 'class-sessions', key: room, value })
    lesson = []
  }
  for (const event of events) {
    const before = lesson.at(-1)
    if (before !== undefined && Date.parse(event.at) - Date.parse(before.at) > gapMs) end('gap')
    if (event.kind === 'start') end('marker')
    if (event.kind === 'start' || lesson.length > 0) lesson.push(event)
    else rows.push({ topic: 'outside-lessons', key: room, value: event })
    if (event.kind === 'end') end('marker')
  }
  end('gap')
  return rows
}

export const classSessionsGolden: Golden = {
  name: 'class-sessions',
  topology: classSessions,
  timeOf,
  latenessMs,
  // It waits for its turn.
  last: {
    key: 'nobody',
    value: { person: 'nobody', room: 'nowhere', kind: 'speak', at: '2026-01-13T00:00:00.000Z' },
    timestamp: Date.parse('2026-01-13T00:00:00Z'),
  },
  reference(lines) {
    const late = lateOf(lines)
    const inTime = lines.filter((line) => !late.has(line)).toSorted((a, b) => timeOf(a) - timeOf(b))
    const rooms = Map.groupBy(inTime.map(eventOf), ({ room }) => room)
    return [
      ...[...late].map(eventOf).map((value) => ({ topic: 'late-class-events', key: value.room, value })),
      ...[...rooms].flatMap(([room, events]) => lessonsOf(room, events)),
    ]
  },
}
