import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeOf } from '../../../service/dsl/facade.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { int64, json, type SourceOptions, stream } from '../../../service/index.ts'

const value = json<{ n: number }>()

test('a source has its options, and defaults for the others', () => {
  const node = nodeOf(stream('in', { value }))
  assert.ok(node.kind === 'source')
  assert.deepEqual(node.topics, [{ role: 'source', name: 'in' }])
  assert.equal(node.key.name, 'text')
  assert.deepEqual([node.onInvalid, node.startAt, node.time, node.value === value], ['stop', 'earliest', undefined, true])
  assert.equal(node.onDeleted, 'stop')
  const time = (v: { n: number }) => v.n
  const given = nodeOf(stream('in', { key: int64(), value, time, onInvalid: 'skip', startAt: { timestamp: 5 } }))
  assert.ok(given.kind === 'source')
  assert.deepEqual(
    [given.key.name, given.onInvalid, given.startAt, given.time === time],
    ['int64', 'skip', { timestamp: 5 }, true],
  )
  const skipping = nodeOf(stream('in', { value, onDeleted: 'earliest' }))
  assert.equal(skipping.kind === 'source' && skipping.onDeleted, 'earliest')
  assert.ok(Object.isFrozen(given) && Object.isFrozen(given.startAt) && Object.isFrozen(given.topics[0]))
})

test('time of a source: options in milliseconds, and defaults', () => {
  const timesOf = (options: Partial<SourceOptions<string, { n: number }>>) => {
    const node = nodeOf(stream('in', { value, ...options, key: undefined }))
    assert.ok(node.kind === 'source')
    return [node.lateness, node.idleAfter, node.futureMax]
  }
  assert.deepEqual(timesOf({}), [0, 60_000, 86_400_000])
  assert.deepEqual(timesOf({ lateness: '10 minutes', idleAfter: false, futureMax: false }), [600_000, null, null])
  assert.deepEqual(timesOf({ lateness: 5, idleAfter: '2 s', futureMax: 0 }), [5, 2_000, 0])
})

test('several topics are a union of sources', () => {
  const node = nodeOf(stream(['b', 'a'], { value }))
  assert.equal(node.kind, 'union')
  assert.deepEqual(
    node.inputs.map((input) => input.topics[0]?.name),
    ['b', 'a'],
  )
  assert.equal(nodeOf(stream(['a'], { value })).kind, 'source')
})

test('what types would refuse is refused without them, with a sentence', () => {
  const refused: readonly (readonly [topics: unknown, options: unknown, sentence: RegExp])[] = [
    [[], { value }, /empty list of topics/],
    [['a', 'b', 'a'], { value }, /given a topic twice: a, b, a/],
    ['a b', { value }, /stream: Topic name 'a b' has characters/],
    [5, { value }, /needs the name of a topic, and was given 5/],
    ['a', undefined, /stream\('a'\) needs options/],
    ['a', {}, /The value of stream\('a'\) needs a codec such as json\(\), and was given undefined/],
    ['a', { value: json }, /needs a codec such as json\(\), and was given \[Function: json\]/],
    ['a', { value, key: 'text' }, /The key of stream\('a'\) needs a codec/],
    ['a', { value, onInvalid: 'drop' }, /onInvalid of stream\('a'\) is 'drop'; it is one of: stop, skip, dead-letter/],
    ['a', { value, startAt: 'now' }, /startAt of stream\('a'\) is 'now'/],
    ['a', { value, startAt: { timestamp: -1 } }, /startAt\.timestamp of stream\('a'\) is -1; it is a whole number from 0 up/],
    ['a', { value, lateness: -1 }, /lateness of stream\('a'\) is -1, which is no duration/],
    ['a', { value, lateness: false }, /lateness of stream\('a'\) is false, which is no duration/],
    ['a', { value, lateness: 0.5 }, /lateness of stream\('a'\) is 0.5: event time is counted in whole milliseconds/],
    ['a', { value, idleAfter: '1 week' }, /idleAfter of stream\('a'\) is "1 week", which is no duration/],
    ['a', { value, idleAfter: true }, /idleAfter of stream\('a'\) is true/],
    ['a', { value, futureMax: Number.POSITIVE_INFINITY }, /futureMax of stream\('a'\) is Infinity, which is no duration/],
    ['a', { value, time: 5 }, /time of stream\('a'\) needs a function/],
  ]
  for (const [topics, options, sentence] of refused) {
    const make = () => stream(topics as string, options as SourceOptions<string, unknown> & { key?: undefined })
    assert.throws(make, (error) => error instanceof ConfigurationError && sentence.test(error.message), String(sentence))
  }
})
