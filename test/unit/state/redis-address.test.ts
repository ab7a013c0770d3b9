import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import { redisAddress } from '../../../service/state/redis-address.ts'

it('one server is its URL', () => {
  for (const url of ['redis://localhost:6379', 'rediss://user:pass@example.org:1/2', 'redis://[::1]:6379'])
    assert.deepEqual(redisAddress(url), { kind: 'single', url, secure: url.startsWith('rediss') })
})

it('a cluster is a list of nodes', () => {
  assert.deepEqual(redisAddress('redis-cluster://a:7000,b,[::1]:7002'), {
    kind: 'cluster',
    nodes: [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
      { host: '::1', port: 7002 },
    ],
    credentials: {},
    secure: false,
  })
})

it('sentinels know a master by its name', () => {
  assert.deepEqual(redisAddress('rediss-sentinel://user:p%40ss@a,b:1/main'), {
    kind: 'sentinel',
    nodes: [
      { host: 'a', port: 26379 },
      { host: 'b', port: 1 },
    ],
    master: 'main',
    credentials: { username: 'user', password: 'p@ss' },
    secure: true,
  })
})

it('anything else is refused, without its password', () => {
  for (const url of [
    '',
    'localhost:6379',
    'http://a',
    'redis://',
    'redis-cluster://:secret@a:b',
    'redis-sentinel://:secret@a',
    'redis://:secret@a:port',
  ]) {
    assert.throws(
      () => redisAddress(url),
      (error: unknown) => error instanceof ConfigurationError && !error.message.includes('secret'),
      url,
    )
  }
})
