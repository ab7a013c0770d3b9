/** Per key the integers 1…n come in: each goes out as it is, and so does the running sum of its key: 1, 3, 6, … */
import { json, stream, topology } from '../../../service/index.ts'
import { passGate } from '../gate.ts'

const { TEST_TOPICS = 'test', TEST_GATE = '' } = process.env
const numbers = stream(`${TEST_TOPICS}-input`, { value: json<number>() }).peek(() => passGate(TEST_GATE))

export default topology('copy-and-sums', [
  numbers.to(`${TEST_TOPICS}-copy`, { value: json() }),
  numbers
    .byKey()
    .sum('sums', (number) => number)
    .emit('update')
    .to(`${TEST_TOPICS}-sums`, { value: json() }),
])
