/** What code of a topology may do wrong, under each policy, on the whole process: which record it was is told, and all others are processed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FatalError } from '../../service/errors.ts'
import { json, type Policy, stream, topology } from '../../service/index.ts'
import { testDriver } from '../../service/testing.ts'

/** Larger than max.message.bytes of a topic that has the default. */
const huge = 'x'.repeat(2 ** 21)
let calls = 0

interface Misdeed {
  readonly what: string
  /** Called with each number; the fifth record, at offset 4, is the one that it is to fail on. */
  readonly code: (n: number) => unknown
  readonly message: RegExp
  readonly reason: string
}

const misdeeds: readonly Misdeed[] = [
  {
    what: 'throws',
    code: failing(() => {
      throw new RangeError('unlucky')
    }),
    message: /map failed: RangeError: unlucky/,
    reason: 'error',
  },
  {
    what: 'throws what is no error',
    code: failing(() => {
      throw 'a text' as unknown as Error
    }),
    message: /map failed: a text/,
    reason: 'error',
  },
  { what: 'returns undefined', code: failing(() => undefined), message: /undefined/, reason: 'error' },
  { what: 'returns a promise', code: failing(() => Promise.resolve(1)), message: /asynchronous/, reason: 'error' },
  {
    what: 'returns a promise that is rejected',
    code: failing(() => Promise.reject(new Error('nobody waits'))),
    message: /asynchronous/,
    reason: 'error',
  },
  { what: 'returns what has no text', code: failing(() => ({ big: 1n })), message: /BigInt/, reason: 'error' },
  {
    what: 'returns a circle',
    code: failing(() => {
      const circle: { self?: object } = {}
      circle.self = circle
      return circle
    }),
    message: /circular/i,
    reason: 'error',
  },
  {
    what: 'returns more than its topic takes',
    code: failing(() => huge),
    message: /max.message.bytes|bytes in topic out/,
    reason: 'too-large',
  },
] // prettier-ignore

function failing(misdeed: () => unknown): (n: number) => unknown {
  return (n) => (n === 4 ? misdeed() : n)
}

async function run(code: (n: number) => unknown, policy: Policy) {
  const numbers = stream('in', { value: json<number>() })
  const sums = numbers
    .filter((n) => n !== 4)
    .byKey()
    .sum('sums', (n) => n)
    .emit('update') // prettier-ignore
  const sinks = [numbers.map(code).to('out', { value: json() }), sums.to('sums', { value: json() })] as const
  const driver = await testDriver(topology('misdeeds', sinks, { onError: policy, deadLetterTopic: 'dead' }), { partitions: 1 })
  try {
    driver.send('in', ...Array.from({ length: 10 }, (_, n) => ({ key: 'k', value: n })))
    await driver.drain()
    const read = (topic: string) => driver.read(topic)
    return { out: read('out').map(({ value }) => value), sums: read('sums').map(({ value }) => value), dead: read('dead') }
  } finally {
    await driver.stop().catch(() => {})
  }
}

const others = [0, 1, 2, 3, 5, 6, 7, 8, 9]

describe('code of a topology that fails on one record', () => {
  for (const { what, code, message, reason } of misdeeds) {
    test(`${what}: with 'stop' it ends, names the record and the step, and nothing of its batch is to be seen`, async () => {
      await assert.rejects(run(code, 'stop'), (error: unknown) => {
        assert.ok(error instanceof FatalError, String(error))
        assert.match(error.message, /topic in, partition 0, offset 4/)
        assert.match(error.message, message)
        assert.match(error.message, /onError: 'skip' or 'dead-letter'/)
        return true
      })
    })

    test(`${what}: with 'skip' all others are processed`, async () => {
      const { out, sums, dead } = await run(code, 'skip')
      assert.deepEqual([out, sums.at(-1), dead], [others, 41, []])
    })

    test(`${what}: with 'dead-letter' it is there, and all others are processed`, async () => {
      const { out, sums, dead } = await run(code, 'dead-letter')
      assert.deepEqual([out, sums.at(-1)], [others, 41])
      assert.deepEqual(
        dead.map(({ key, headers }) => [String(key), String(headers['caudal-offset']), String(headers['caudal-reason'])]),
        [['k', '4', reason]],
      )
    })
  }

  test('one that fails from some record on sets aside each, and one that fails once only that one', async () => {
    const fromFive = await run((n) => {
      if (n >= 5) throw new Error('never again')
      return n
    }, 'dead-letter')
    assert.deepEqual(fromFive.out, [0, 1, 2, 3, 4])
    assert.deepEqual(fromFive.dead.length, 5)
    calls = 0
    const once = await run((n) => {
      if (++calls === 3) throw new Error('only now')
      return n
    }, 'skip')
    assert.deepEqual(once.out, [0, 1, 3, 4, 5, 6, 7, 8, 9])
  })
})

describe('code of a state that fails on one record', () => {
  const sumsOf = async (numberOf: (n: number) => number, policy: Policy) => {
    const sums = stream('in', { value: json<number>() }).byKey().sum('sums', numberOf).emit('update')
    const driver = await testDriver(
      topology('states', sums.to('sums', { value: json() }), { onError: policy, deadLetterTopic: 'dead' }),
      { partitions: 1 },
    )
    try {
      driver.send('in', ...Array.from({ length: 10 }, (_, n) => ({ key: 'k', value: n })))
      await driver.drain()
      return { sums: driver.read('sums').at(-1)?.value, dead: driver.read('dead').length }
    } finally {
      await driver.stop().catch(() => {})
    }
  }

  for (const nothing of [Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number]) {
    test(`${nothing} is never added: the record is named, or set aside`, async () => {
      const numberOf = (n: number) => (n === 4 ? nothing : n)
      await assert.rejects(sumsOf(numberOf, 'stop'), /topic in, partition 0, offset 4/)
      assert.deepEqual(await sumsOf(numberOf, 'skip'), { sums: 41, dead: 0 })
      assert.deepEqual(await sumsOf(numberOf, 'dead-letter'), { sums: 41, dead: 1 })
    })
  }

  test('a state that is larger than its changelog takes ends it, by the names of store and key', async () => {
    const texts = stream('in', { value: json<number>() })
      .byKey()
      .aggregate('texts', { initial: () => '', add: (all: string, n: number) => (n === 4 ? huge : all), state: json<string>() })
      .emit('update')
      .map((text) => text.length)
    const driver = await testDriver(topology('states', texts.to('out', { value: json() })), { partitions: 1 })
    driver.send('in', ...Array.from({ length: 10 }, (_, n) => ({ key: 'the-key', value: n })))
    await assert.rejects(driver.drain(), (error: unknown) => {
      assert.ok(error instanceof FatalError, String(error))
      assert.match(error.message, /texts.*the-key|the-key.*texts/)
      return true
    })
  })
})
