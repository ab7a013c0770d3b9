import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as names from '../../../service/topology/names.ts'

test('names that leave the process are what other processes, and later versions, will look for', () => {
  assert.equal(names.changelogTopic('app', 'total'), 'app-total-changelog')
  assert.equal(names.repartitionTopic('app', 'by-city'), 'app-by-city-repartition')
  assert.equal(names.groupId('app'), 'app')
  assert.equal(names.groupInstanceId('pod-1', 0), 'pod-1-0')
  assert.equal(names.transactionalId('app', 'pod-1', 2), 'app.pod-1.2')
})

test('no application takes the transactional ids of another for its own', () => {
  assert.ok(names.transactionalId('shop', 'pod-1', 0).startsWith(names.transactionalIdPrefix('shop')))
  assert.ok(names.secondTransactionalId('shop', 'pod-1', 0).startsWith(names.transactionalIdPrefix('shop')))
  assert.ok(!names.transactionalId('shop-eu', 'pod-1', 0).startsWith(names.transactionalIdPrefix('shop')))
})

test('the two transactional ids of a worker are those of no other worker', () => {
  const instances = ['pod', 'pod.0', 'pod.0.b', 'pod.b', 'b', '0']
  const ids = instances.flatMap((instance) =>
    [0, 1].flatMap((worker) => [
      names.transactionalId('shop', instance, worker),
      names.secondTransactionalId('shop', instance, worker),
    ]),
  )
  assert.equal(new Set(ids).size, ids.length, ids.join(' '))
})

test('all keys of a store partition share one hash tag', () => {
  const keys = names.redisKeys({ application: 'app', store: 'total', partition: 3 })
  assert.deepEqual(
    [keys.meta, keys.entries, keys.buckets, keys.bucket('8000000000000000')],
    ['{app:total:3}:m', '{app:total:3}:k', '{app:total:3}:x', '{app:total:3}:b:8000000000000000'],
  )
})

test('topic names are what Kafka takes', () => {
  for (const legal of ['a', 'A.b_c-9', '...', 'x'.repeat(249)]) assert.equal(names.topicNameDefect(legal), undefined)
  for (const illegal of ['', '.', '..', 'a b', 'ä', 'a/b', 'x'.repeat(250)])
    assert.match(names.topicNameDefect(illegal) ?? '', /opic name/)
})

test('names given in a topology are lower-case letters, digits and hyphens', () => {
  for (const right of ['a', '9', 'hourly-spend-2']) assert.equal(names.nameDefect('a store', right), undefined)
  for (const wrong of ['', 'A', 'a b', 'a_b', 'a.b', 'a\n', undefined, 5])
    assert.match(names.nameDefect('a store', wrong) ?? '', /^The name of a store is .* lower-case letters/)
})
