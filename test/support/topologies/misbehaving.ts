/** As running.ts, but that records may ask the code for what it should not do; the environment says what becomes of such records. */
import { json, type Policy, stream, topology } from '../../../service/index.ts'
import { hasAnswer, misbehave } from '../misbehave.ts'
import { addTo, nothing, type Running } from './running-fold.ts'

const { TEST_TOPICS = 'test', TEST_POLICY = 'stop' } = process.env
const numbers = stream(`${TEST_TOPICS}-input`, { value: json<number>() })

export default topology(
  'running',
  [
    numbers.map(misbehave).to(`${TEST_TOPICS}-copy`, { value: json() }),
    numbers
      .filter(hasAnswer)
      .byKey()
      .aggregate('running', { initial: (): Running => nothing, add: addTo, state: json<Running>() })
      .emit('update')
      .to(`${TEST_TOPICS}-running`, { value: json() }),
  ],
  { onError: TEST_POLICY as Policy, deadLetterTopic: `${TEST_TOPICS}-dead` },
)
