/** Integers in sessions of ten: the first opens one, the eighth ends it, but of every third, which ends by silence. */
import { json, session, stream, topology } from '../../../service/index.ts'
import { passGate } from '../gate.ts'

const { TEST_TOPICS = 'test', TEST_GATE = '' } = process.env

const sessions = stream(`${TEST_TOPICS}-input`, {
  value: json<number>(),
  // A tenth of a second apart, and five seconds more after each ten.
  time: (number) => number * 100 + Math.floor(number / 10) * 5_000,
  // Keys of a partition may be a session apart.
  lateness: '12 seconds',
  idleAfter: false,
})
  .peek(() => passGate(TEST_GATE))
  .byKey()
  .window(
    session({
      startsWith: (number: number) => number % 10 === 1,
      endsWith: (number: number) => number % 10 === 8 && Math.floor(number / 10) % 3 !== 2,
      gap: '3 seconds',
    }),
  )
  .count('sessions')

export default topology('sessions', [
  sessions.emit('append').to(`${TEST_TOPICS}-sessions`, { value: json(), keyOf: ({ start }, { key }) => `${key}@${start}` }),
  sessions.late().to(`${TEST_TOPICS}-late`, { value: json() }),
])
