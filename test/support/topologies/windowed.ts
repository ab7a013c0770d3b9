/** Integers, a tenth of a second of event time each, counted by remainder and second, through a repartition topic. */
import { json, stream, topology, tumbling } from '../../../service/index.ts'
import { passGate } from '../gate.ts'

const { TEST_TOPICS = 'test', TEST_GATE = '' } = process.env

const counts = stream(`${TEST_TOPICS}-input`, {
  value: json<number>(),
  time: (number) => number * 100,
  lateness: '2 seconds',
  // Every window is closed by records alone, so that the rows are a function of the input.
  idleAfter: false,
})
  .peek(() => passGate(TEST_GATE))
  .keyBy((number) => number % 7)
  .window(tumbling('1 second'))
  .count('seconds')

export default topology('windowed', [
  counts.emit('append').to(`${TEST_TOPICS}-counts`, { value: json(), keyOf: ({ start }, { key }) => `${key}@${start}` }),
  counts.late().to(`${TEST_TOPICS}-late`, { value: json(), keyOf: (_, { key }) => String(key) }),
])
