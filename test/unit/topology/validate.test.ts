import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import { batches, json, type Sink, stream, topology, type TopologyOptions, tumbling } from '../../../service/index.ts'

type Value = { k: string; n: number }
const read = (topic: string, onInvalid: 'stop' | 'dead-letter' = 'stop') => stream(topic, { value: json<Value>(), onInvalid })
const out = { value: json<unknown>() }

function defects(sinks: [Sink, ...Sink[]], options?: object): readonly string[] {
  try {
    topology('app', sinks, options as TopologyOptions)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.defects
    throw error
  }
}

function assertDefects(found: readonly string[], expected: readonly RegExp[]): void {
  assert.equal(found.length, expected.length, found.join('\n'))
  for (const [i, pattern] of expected.entries()) assert.match(found[i] ?? '', pattern)
}

test('one topic with different options is refused, and named with them', () => {
  const other = stream('in', { value: json<Value>(), startAt: 'latest', time: (v) => v.n })
  assertDefects(defects([read('in').print(), other.print()]), [/'in' is read twice, with different options \(time, startAt\)/])
  assertDefects(defects([read('in').print(), stream('in', { value: json<Value>(), startAt: 'earliest' }).print()]), [])
  const slow = stream('in', { value: json<Value>(), lateness: '1 minute', idleAfter: false, futureMax: false })
  assertDefects(defects([read('in').print(), slow.print()]), [/different options \(lateness, idleAfter, futureMax\)/])
})

test('two stores with one name are refused', () => {
  const hours = read('b').byKey().window(tumbling('1 hour')).count('c')
  assertDefects(defects([read('a').byKey().count('c').to('x', out), hours.late().print()]), [/Two stores are named 'c'/])
  assertDefects(defects([read('a').byKey().count('c').to('x', out), read('b').byKey().count('c').to('y', out)]), [
    /Two stores are named 'c'/,
  ])
})

test('a keyBy is named after the one store downstream, and needs a name otherwise', () => {
  const keyed = read('a').keyBy((v) => v.k)
  assertDefects(defects([keyed.count('one').to('x', out)]), [])
  assertDefects(defects([keyed.window(tumbling(1)).count('one').emit('append').print()]), [])
  assertDefects(defects([keyed.records().print()]), [/A keyBy needs a `name` .* has no store downstream/])
  assertDefects(defects([keyed.count('b').to('x', out), keyed.count('a').to('y', out)]), [/has 2 stores downstream \(a, b\)/])
  assertDefects(defects([read('a').global().records().print()]), [/A global needs a `name`/])
  assertDefects(
    defects([
      read('a')
        .keyBy((v) => v.k, { name: 'mine' })
        .records()
        .print(),
    ]),
    [],
  )
})

test('two repartition topics with one name are refused, given or not', () => {
  const left = read('a')
    .keyBy((v) => v.k)
    .records()
  const right = read('b')
    .keyBy((v) => v.k)
    .records()
  assertDefects(defects([left.union(right).byKey().count('c').to('x', out)]), [/Two repartition topics are named 'c'/])
  assertDefects(
    defects([
      left.byKey().count('c').to('x', out),
      read('a')
        .keyBy((v) => v.k, { name: 'c' })
        .records()
        .print(),
    ]),
    [/named 'c'/],
  )
})

test('withTime stands before whatever brings partitions together', () => {
  const time = ({ n }: Value) => n
  const keyed = read('a').keyBy((v) => v.k, { name: 'keyed' })
  assertDefects(defects([keyed.records().withTime(time).print()]), [
    /A withTime stands behind keyBy 'keyed', where .* have become one: put withTime before the keyBy\./,
  ])
  assertDefects(defects([read('a').union(keyed.records()).withTime(time).print()]), [/behind keyBy 'keyed'/])
  assertDefects(defects([read('a').global({ name: 'all' }).records().withTime(time).print()]), [/put withTime before the global/])
  const hours = read('a').byKey().window(tumbling('1 hour')).count('hours')
  assertDefects(
    defects([
      hours
        .emit('append')
        .withTime(() => 0)
        .print(),
    ]),
    [/behind count 'hours', .*: put withTime before the count\./],
  )
  assertDefects(
    defects([
      read('a')
        .byKey()
        .count('c')
        .emit('update')
        .withTime(() => 0)
        .print(),
    ]),
    [/behind count 'c'/],
  )
  const before = read('a').byKey().records().withTime(time).withTime(time)
  const partitioned = read('b')
    .keyBy((v) => v.k, { alreadyPartitioned: true })
    .records()
  assertDefects(defects([before.union(partitioned.withTime(time)).byKey().count('c').to('x', out)]), [])
})

test('a topology does not read what it writes', () => {
  assertDefects(defects([read('a').to('a', out), read('a').to('a', out)]), [/'a' is both read and written: .* its own output/])
  assertDefects(defects([read('a').print()], { deadLetterTopic: 'a' }), [/'a' is both read and the dead-letter topic/])
})

test('dead letters need a topic', () => {
  assertDefects(defects([read('a', 'dead-letter').print()]), [/'a' has onInvalid 'dead-letter', and .* no `deadLetterTopic`/])
  assertDefects(defects([read('a').print()], { onError: 'dead-letter' }), [/onError 'dead-letter' and no `deadLetterTopic`/])
  assertDefects(defects([read('a', 'dead-letter').print()], { onError: 'dead-letter', deadLetterTopic: 'dead' }), [])
})

test('windows of batches need a trigger of batches', () => {
  const counted = () => read('a').byKey().window(batches(2)).count('recent').emit('append').print()
  assertDefects(defects([counted()], { trigger: 'continuous' }), [
    /'recent' are counted in batches, .* 'continuous', .* a trigger \{ every \}/,
  ])
  assertDefects(defects([counted()], { trigger: { every: 0.5 } }), [/'recent' .* trigger\.every of 0\.5 ms: .* whole number/])
  assertDefects(defects([counted()], { trigger: { every: '1 second' } }), [])
  assertDefects(defects([counted()]), [])
})

test('all defects are told at once', () => {
  const found = defects([
    read('a', 'dead-letter')
      .keyBy((v) => v.k)
      .records()
      .to('a', out),
    read('b').byKey().count('c').to('x', out),
    read('b')
      .byKey()
      .sum('c', (v) => v.n)
      .to('x', out),
  ])
  assertDefects(found, [/Two stores/, /needs a `name`/, /both read and written/, /onInvalid/])
})
