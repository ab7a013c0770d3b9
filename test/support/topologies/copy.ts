/** What comes in goes out. */
import { json, stream, topology } from '../../../service/index.ts'
import { passGate } from '../gate.ts'

const { TEST_TOPICS = 'test', TEST_GATE = '' } = process.env

export default topology(
  'copy',
  stream(`${TEST_TOPICS}-input`, { value: json<number>() })
    .peek(() => passGate(TEST_GATE))
    .to(`${TEST_TOPICS}-copy`, { value: json() }),
)
