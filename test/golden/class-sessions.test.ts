/** class-sessions against its golden file: plainly, with crashes, other batch sizes, partitions, workers, and in another order. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import classSessions from '../../topologies/class-sessions.ts'
import { goldenOf, type InputLine, type OutputLine, type Replay, replay } from '../support/golden.ts'
import { seededRandom } from '../support/random.ts'

const golden = goldenOf('class-sessions')
const { input } = golden
const topics = ['class-sessions', 'outside-lessons', 'late-class-events']
const run = (options: Omit<Replay, 'finish'>, lines: readonly InputLine[] = input) =>
  replay(classSessions, lines, topics, { ...options, finish: true })

interface ClassEvent {
  readonly person: string
  readonly room: string
  readonly kind: 'start' | 'speak' | 'end'
  readonly at: string
}
interface Lesson {
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

const nameOfEvent = ({ room, person, kind, at }: ClassEvent) => `${room} ${at} ${person} ${kind}`
const nameOfLesson = ({ room, from, to, endedBy, tookPart }: Lesson) =>
  `${room} ${from} ${to} ${endedBy} ${JSON.stringify(Object.entries(tookPart).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
const finals = (rows: readonly OutputLine[]) =>
  rows
    .map(
      ({ topic, value }) =>
        `${topic}: ${topic === 'class-sessions' ? nameOfLesson(value as Lesson) : nameOfEvent(value as ClassEvent)}`,
    )
    .toSorted()

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

/** The lessons of one room, by hand, from all that happened in it, in order of time: no code of caudal. */
function lessonsOf(room: string, events: readonly ClassEvent[]): readonly string[] {
  const rows: string[] = []
  let lesson: ClassEvent[] = []
  const end = (endedBy: Lesson['endedBy']) => {
    const [from, to] = [lesson[0]?.at ?? '', lesson.at(-1)?.at ?? '']
    const tookPart: Record<string, number> = {}
    for (const { person } of lesson) tookPart[person] = (tookPart[person] ?? 0) + 1
    if (lesson.length > 0) rows.push(`class-sessions: ${nameOfLesson({ room, from, to, endedBy, tookPart })}`)
    lesson = []
  }
  for (const event of events) {
    const before = lesson.at(-1)
    if (before !== undefined && Date.parse(event.at) - Date.parse(before.at) > gapMs) end('gap')
    if (event.kind === 'start') end('marker')
    if (event.kind === 'start' || lesson.length > 0) lesson.push(event)
    else rows.push(`outside-lessons: ${nameOfEvent(event)}`)
    if (event.kind === 'end') end('marker')
  }
  end('gap')
  return rows
}

/** By hand, over the whole input. */
function reference(lines: readonly InputLine[]): readonly string[] {
  const late = lateOf(lines)
  const inTime = lines.filter((line) => !late.has(line)).toSorted((a, b) => timeOf(a) - timeOf(b))
  const rooms = Map.groupBy(inTime.map(eventOf), ({ room }) => room)
  return [
    ...[...late].map((line) => `late-class-events: ${nameOfEvent(eventOf(line))}`),
    ...[...rooms].flatMap(([room, events]) => lessonsOf(room, events)),
  ].toSorted()
}

/** What is late depends on the partition that it is in: here nothing is. */
const inTime = input.filter((line) => !lateOf(input).has(line))

/** In time they stay: each comes at most two minutes after a newer one. */
function shuffled(lines: readonly InputLine[], seed: number): readonly InputLine[] {
  const random = seededRandom(seed)
  const order = new Map(lines.map((line) => [line, timeOf(line) + random() * latenessMs]))
  return lines.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}

describe('class-sessions', () => {
  test('plainly, ten records a batch: the golden file, row by row', async () => {
    const rows = await run({ every: 10 })
    assert.deepEqual(rows, golden.expect(rows))
    assert.deepEqual(finals(rows), reference(input))
  })

  test('every record is in a lesson, outside, or late', async () => {
    const rows = await run({ every: 10 })
    const counts = rows.flatMap(({ topic, value }) =>
      topic === 'class-sessions' ? Object.values((value as Lesson).tookPart) : [1],
    )
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      input.length,
    )
  })

  test('with a crash after every third batch: the same rows', async () => {
    const rows = await run({
      every: 10,
      after: async (driver, batch) => {
        if (batch % 3 === 2) await driver.crash()
      },
    })
    assert.deepEqual(rows, golden.expect(rows))
  })

  for (const partitions of [1, 4])
    for (const workers of [1, 3])
      for (const batchRecordsMax of [1, 7, 1_000_000]) {
        test(`${partitions} partitions, ${workers} workers, at most ${batchRecordsMax} records a batch: the same finals`, async () => {
          const lines = shuffled(inTime, 1)
          const crash = (driver: Parameters<NonNullable<Replay['after']>>[0], batch: number) => driver.crash(batch % workers)
          const rows = await run({ every: 50, partitions, workers, batchRecordsMax, after: crash }, lines)
          assert.deepEqual(finals(rows), reference(inTime))
        })
      }

  test('in another order, within the lateness: the same finals', async () => {
    const expected = reference(inTime)
    for (const seed of [1, 2, 3]) {
      const lines = shuffled(inTime, seed)
      assert.deepEqual(reference(lines), expected)
      assert.deepEqual(finals(await run({ every: 25 }, lines)), expected)
    }
  })
})
