/** Per key the integers 1…n come in, each a second of event time: sums of ten seconds go out; every seventh goes to the dead letters. */
import { json, stream, topology, tumbling } from '../../../service/index.ts'

const { TEST_TOPICS = 'test' } = process.env

function accept(number: number): number {
  if (number % 7 === 0) throw new RangeError('divisible by seven')
  return number
}

export default topology(
  'watched',
  stream(`${TEST_TOPICS}-input`, { value: json<number>(), time: (number) => number * 1000, lateness: 0 })
    .map(accept)
    .byKey()
    .window(tumbling('10 seconds'))
    .sum('ten-seconds', (number) => number)
    .emit('append')
    .to(`${TEST_TOPICS}-sums`, { value: json() }),
  { onError: 'dead-letter', deadLetterTopic: `${TEST_TOPICS}-copy` },
)
