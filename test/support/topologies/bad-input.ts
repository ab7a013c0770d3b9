/** Passes lessons on, and throws on the unlucky ones; the environment says what becomes of a record that is no lesson, or unlucky. */
import { json, type Policy, stream, topology } from '../../../service/index.ts'

const { TEST_TOPICS = 'test', TEST_POLICY = 'stop' } = process.env
const policy = TEST_POLICY as Policy

const lessons = stream(`${TEST_TOPICS}-input`, { value: json<{ n: number }>(), onInvalid: policy }).map((lesson) => {
  if (lesson.n === 13) throw new Error('an unlucky lesson')
  return lesson.n
})

export default topology('bad-input', lessons.to(`${TEST_TOPICS}-output`, { value: json() }), {
  onError: policy,
  deadLetterTopic: `${TEST_TOPICS}-dead`,
})
