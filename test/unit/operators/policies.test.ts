import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { int64 } from '../../../service/codec/int64.ts'
import { json } from '../../../service/codec/json.ts'
import { nullable } from '../../../service/codec/nullable.ts'
import { stream } from '../../../service/dsl/source.ts'
import { staticTable } from '../../../service/dsl/static-table.ts'
import { topology, type TopologyOptions } from '../../../service/dsl/topology.ts'
import type { SourceOptions } from '../../../service/dsl/types.ts'
import { FatalError } from '../../../service/errors.ts'
import { type Input, Tasks } from './tasks.ts'

const value = json<unknown>()
const deadLetters = { onError: 'dead-letter', deadLetterTopic: 'dead' } as const

/** in → fn → out, fed with `records`. */
async function run(
  records: readonly Input[],
  {
    fn = (n: number): unknown => n,
    source = {},
    options = {} as TopologyOptions,
  }: {
    fn?: (n: number) => unknown
    source?: Partial<SourceOptions<string, number>>
    options?: TopologyOptions
  },
): Promise<Tasks> {
  const input = stream('in', { value: json<number>(), ...source, key: undefined })
  const tasks = await Tasks.of(topology('test', input.map(fn as (n: number) => number).to('out', { value }), options))
  tasks.send('in', records)
  return tasks.run()
}

const good = { key: 'k', value: '1' }
const bad = {
  key: 'k\xff',
  value: '{nope',
  timestamp: 5,
  headers: [
    ['h', 'x'],
    ['h', 'y'],
  ],
} as const

describe('onInvalid', () => {
  test('stop: the message says where, what and which choices there are', async () => {
    await assert.rejects(run([good, bad], {}), (error: unknown) => {
      assert.ok(error instanceof FatalError)
      assert.match(
        error.message,
        /topic in, partition 0, offset 1: the value cannot be decoded by json\(\): SyntaxError.*onInvalid: 'skip' or 'dead-letter'/,
      )
      assert.deepEqual(error.fields, { topic: 'in', partition: 0, offset: 1, reason: 'invalid-value' })
      return true
    })
  })

  test('skip: counted, and the others go on', async () => {
    const tasks = await run([bad, good], { source: { onInvalid: 'skip' } })
    assert.deepEqual(tasks.values('out'), [1])
    assert.deepEqual(tasks.counted, ['caudal_records_skipped_total in invalid-value 1'])
  })

  test('dead-letter: the original bytes and headers, and behind them where and why', async () => {
    const tasks = await run([good, bad], { source: { onInvalid: 'dead-letter' }, options: { deadLetterTopic: 'dead' } })
    assert.deepEqual(tasks.values('out'), [1])
    const [letter] = tasks.read('dead')
    const { 'caudal-error': error, ...headers } = letter?.headers ?? {}
    assert.match(error ?? '', /the value cannot be decoded by json\(\): SyntaxError/)
    assert.deepEqual(
      { ...letter, headers },
      {
        partition: 0,
        key: 'k\xff',
        value: '{nope',
        timestamp: 5,
        headers: {
          h: 'y',
          'caudal-reason': 'invalid-value',
          'caudal-topic': 'in',
          'caudal-partition': '0',
          'caudal-offset': '1',
        },
      },
    )
    assert.deepEqual(tasks.counted, ['caudal_records_dead_lettered_total in invalid-value 1'])
  })

  test('a key that cannot be decoded is found before anybody sees the record', async () => {
    const input = stream('in', { key: int64(), value: json<number>(), onInvalid: 'skip' })
    const tasks = await Tasks.of(topology('test', input.to('out', { value, key: int64() })))
    tasks.send('in', [
      { key: 'short', value: '1' },
      { key: Buffer.alloc(8), value: '2' },
    ])
    await tasks.run()
    assert.deepEqual(tasks.values('out'), [2])
    assert.deepEqual(tasks.counted, ['caudal_records_skipped_total in invalid-key 1'])
  })

  test('times that are none are invalid; fractions are floored', async () => {
    const times = [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 52 + 1, 12.9, -(2 ** 54)]
    const time = (n: number) => times[n] ?? 0
    const tasks = await run(
      times.map((_, n) => ({ value: String(n) })),
      { source: { time, onInvalid: 'skip' } },
    )
    assert.deepEqual(
      tasks.read('out').map(({ value, timestamp }) => [value, timestamp]),
      [['3', 12]],
    )
    assert.deepEqual(tasks.counted, ['caudal_records_skipped_total in invalid-time 4'])
  })

  test('a null value is skipped and counted, unless the codec takes null', async () => {
    const skipping = await run([{ key: 'k', value: null }, good], {})
    assert.deepEqual(skipping.values('out'), [1])
    assert.deepEqual(skipping.counted, ['caudal_records_skipped_total in null-value 1'])
    const taking = await run([{ key: 'k', value: null }], { source: { value: nullable(json<number>()) as never } })
    assert.deepEqual(taking.values('out'), [null])
  })
})

describe('onError', () => {
  const throwing = (n: number) => {
    if (n === 2) throw new RangeError('two')
    return n
  }
  const records = [{ value: '1' }, { value: '2' }, { value: '3' }]

  test('stop: the message says which operator threw on which record', async () => {
    await assert.rejects(run(records, { fn: throwing }), {
      name: 'FatalError',
      message:
        /topic in, partition 0, offset 1: map failed: RangeError: two\. To go on: set the topology's onError: 'skip' or 'dead-letter'/,
    })
  })

  test('skip and dead-letter', async () => {
    const skipping = await run(records, { fn: throwing, options: { onError: 'skip' } })
    assert.deepEqual(skipping.values('out'), [1, 3])
    assert.deepEqual(skipping.counted, ['caudal_records_skipped_total in error 1'])
    const keeping = await run(records, { fn: throwing, options: deadLetters })
    assert.deepEqual(keeping.values('out'), [1, 3])
    assert.deepEqual(
      keeping.read('dead').map(({ value, headers }) => [value, headers['caudal-error'], headers['caudal-offset']]),
      [['2', 'map failed: RangeError: two', '1']],
    )
  })

  test('a promise is an error, and no unhandled rejection', async () => {
    await assert.rejects(
      run(records, { fn: () => Promise.reject(new Error('unseen')) }),
      /map failed: TypeError: the function is asynchronous/,
    )
  })

  test('so is one that lookup is given', async () => {
    const input = () => stream('in', { value: json<number>() })
    const late = async () => 'k'
    for (const found of [
      input().lookup(staticTable({}), late as never, (n) => n),
      input().lookup(staticTable({}), String, late as never),
    ]) {
      const tasks = await Tasks.of(topology('test', found.to('out', { value })))
      tasks.send('in', records)
      await assert.rejects(tasks.run(), /lookup failed: TypeError: the function is asynchronous/)
    }
  })

  test('effects upstream of the operator that threw stay', async () => {
    const input = stream('in', { value: json<number>() })
    const totals = input.byKey().count('totals').emit('update')
    const sinks = [totals.to('out', { value }), input.map(throwing).to('mapped', { value })] as const
    const tasks = await Tasks.of(topology('test', sinks, { onError: 'skip' }))
    tasks.send(
      'in',
      records.map((record) => ({ ...record, key: 'k' })),
    )
    await tasks.run()
    assert.deepEqual(tasks.values('out'), [3])
    assert.deepEqual(tasks.values('mapped'), [1, 3])
  })

  for (const [operator, build] of Object.entries({
    flatMap: (input: ReturnType<typeof numbers>) => input.flatMap((n) => generated(n)),
    filter: (input: ReturnType<typeof numbers>) => input.filter((n) => throwing(n) > 0),
    peek: (input: ReturnType<typeof numbers>) => input.peek(throwing),
    lookup: (input: ReturnType<typeof numbers>) =>
      input.lookup(
        staticTable({}),
        (n) => String(throwing(n)),
        (n) => n,
      ),
    "branch 'x'": (input: ReturnType<typeof numbers>) => input.branch({ x: (n) => throwing(n) > 0 }).x,
    "sum 'x'": (input: ReturnType<typeof numbers>) => input.byKey().sum('x', throwing).emit('update'),
    'map of a table': (input: ReturnType<typeof numbers>) => input.byKey().toTable('x').map(throwing).emit('update'),
    'filter of a table': (input: ReturnType<typeof numbers>) =>
      input
        .byKey()
        .toTable('x')
        .filter((n) => throwing(n) > 0)
        .emit('update'),
    keyBy: (input: ReturnType<typeof numbers>) => input.keyBy((n) => String(throwing(n)), { name: 'x' }).records(),
  })) {
    test(`${operator} names itself, sets the record aside and goes on with the next`, async () => {
      const stopping = await Tasks.of(topology('test', build(numbers()).to('out', { value })))
      const keyed = records.map((record, i) => ({ ...record, key: `k${i}` }))
      stopping.send('in', keyed)
      await assert.rejects(stopping.run(), (error: Error) => error.message.includes(`: ${operator} failed: RangeError: two.`))
      const skipping = await Tasks.of(topology('test', build(numbers()).to('out', { value }), { onError: 'skip' }))
      skipping.send('in', keyed)
      await skipping.run()
      assert.deepEqual(skipping.values('out'), [1, 3])
    })
  }

  const numbers = () => stream('in', { value: json<number>() })
  function* generated(n: number) {
    yield n
    throwing(n)
  }
})

test('a schema that answers with a promise stops the worker, whatever the policy', async () => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: async (v: unknown) => ({ value: v }) } } as const
  await assert.rejects(run([good], { source: { value: json(schema) as never, onInvalid: 'skip' } }), { code: 'configuration' })
})
