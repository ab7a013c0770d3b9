/** Numbers, counted by their remainder by seven: a key that they don't come with, so that they travel through a repartition topic. */
import { json, stream, topology } from '../../../service/index.ts'

const { TEST_TOPICS = 'test' } = process.env

export default topology(
  'remainders',
  stream(`${TEST_TOPICS}-input`, { value: json<number>() })
    .keyBy((number) => number % 7)
    .count('remainders')
    .emit('update')
    .to(`${TEST_TOPICS}-counts`, { value: json(), keyOf: (_, { key }) => String(key) }),
)
