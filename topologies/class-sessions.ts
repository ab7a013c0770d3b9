/** The lessons in each classroom, and who took part: opened by a start, ended by an end or by silence, whichever comes first. */
import { json, session, stream, topology } from '../service/index.ts'

// What the devices in the classrooms send. Each person has one, and the records are keyed by person.
type ClassEvent = { person: string; room: string; kind: 'start' | 'speak' | 'end'; at: string }

const lessons = stream('class-events', {
  value: json<ClassEvent>(),
  time: (event) => Date.parse(event.at),
  // Devices are up to two minutes behind, each by its own measure: an end may come in before what was said in the lesson.
  lateness: '2 minutes',
})
  // All of a room has to meet in one task: `keyBy` leads it there.
  .keyBy((event) => event.room)
  .window(
    session({
      // Opens a lesson, and ends the one before if nobody did.
      startsWith: (event: ClassEvent) => event.kind === 'start',
      // Ends the lesson, and is the last record in it.
      endsWith: (event: ClassEvent) => event.kind === 'end',
      // Ends it too, for those who forget: more than this without a word.
      gap: '15 minutes',
    }),
  )
  // A row like { ada: 4, grace: 2 }.
  .countByValue('lessons', (event) => event.person)

export default topology('class-sessions', [
  // Records wait until the watermark is past them and are taken in order of time, so that a lesson is the same however they came.
  lessons
    .emit('append')
    .map(({ start, value, closedBy }, record) => ({
      room: record.key,
      from: new Date(start).toISOString(),
      // The time of a session's row is that of the last event in it. Its `end` would be the first moment after it, or after the silence.
      to: new Date(record.timestamp).toISOString(),
      // 'marker' for a record, 'gap' for silence.
      endedBy: closedBy,
      tookPart: value,
    }))
    .to('class-sessions', { value: json() }),
  // What was said while no lesson was on: before the start, after the end, after a long silence.
  lessons.outside().to('outside-lessons', { value: json() }),
  // What came after more than two minutes, when its turn was over.
  lessons.late().to('late-class-events', { value: json() }),
])
