/** Per key the integers 1…n come in: each goes out as it is, and so do the running count, sum, minimum and maximum of what stands for them. */
import { json, stream, topology } from '../../../service/index.ts'
import { passGate } from '../gate.ts'
import { addTo, nothing, type Running } from './running-fold.ts'

const { TEST_TOPICS = 'test', TEST_GATE = '' } = process.env
const numbers = stream(`${TEST_TOPICS}-input`, { value: json<number>() }).peek(() => passGate(TEST_GATE))

export default topology('running', [
  numbers.to(`${TEST_TOPICS}-copy`, { value: json() }),
  numbers
    .byKey()
    .aggregate('running', { initial: (): Running => nothing, add: addTo, state: json<Running>() })
    .emit('update')
    .to(`${TEST_TOPICS}-running`, { value: json() }),
])
