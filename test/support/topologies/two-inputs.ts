/** Counts what comes in on two topics, which have to be partitioned alike, and writes it to a third. */
import { json, stream, topology } from '../../../service/index.ts'

const { TEST_TOPICS = 'test' } = process.env
const both = stream(`${TEST_TOPICS}-left`, { value: json() }).union(stream(`${TEST_TOPICS}-right`, { value: json() }))

export default topology('two-inputs', both.byKey().count('seen').emit('update').to(`${TEST_TOPICS}-counts`, { value: json() }))
