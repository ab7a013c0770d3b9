/** Reads what running.ts reads, and keeps something else in a store of the same name. */
import { json, stream, topology } from '../../../service/index.ts'

const { TEST_TOPICS = 'test' } = process.env

export default topology(
  'running',
  stream(`${TEST_TOPICS}-input`, { value: json<number>() })
    .byKey()
    .count('running')
    .emit('update')
    .to(`${TEST_TOPICS}-copy`, { value: json() }),
)
