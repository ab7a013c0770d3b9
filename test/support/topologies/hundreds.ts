/** Numbers whose event time is ten times their value, counted by remainder and second, through a repartition topic. */
import { json, stream, topology, tumbling } from '../../../service/index.ts'

const { TEST_TOPICS = 'test' } = process.env

const counts = stream(`${TEST_TOPICS}-input`, {
  value: json<number>(),
  time: (number) => number * 10,
  lateness: '1 second',
  idleAfter: '2 seconds',
})
  .keyBy((number) => number % 7)
  .window(tumbling('1 second'))
  .count('hundreds')

export default topology('hundreds', [
  counts.emit('append').to(`${TEST_TOPICS}-counts`, { value: json(), keyOf: ({ start }, { key }) => `${key}@${start}` }),
  counts.late().to(`${TEST_TOPICS}-late`, { value: json(), keyOf: (_, { key }) => String(key) }),
])
