/** What comes in goes out. Of input that was deleted unread becomes what TEST_ON_DELETED says. */
import { json, stream, topology } from '../../../service/index.ts'

const { TEST_TOPICS = 'test', TEST_ON_DELETED } = process.env

export default topology(
  'deletable',
  stream(`${TEST_TOPICS}-input`, {
    value: json<number>(),
    ...(TEST_ON_DELETED === 'earliest' ? { onDeleted: TEST_ON_DELETED } : {}),
  }).to(`${TEST_TOPICS}-copy`, { value: json() }),
)
