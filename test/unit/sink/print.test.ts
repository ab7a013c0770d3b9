import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from '../../../service/codec/json.ts'
import { stream } from '../../../service/dsl/source.ts'
import { topology } from '../../../service/dsl/topology.ts'
import { timeHeader } from '../../../service/sink/print.ts'
import { Tasks } from '../operators/tasks.ts'

test('the first rows of each batch are delivered as lines', async () => {
  const tasks = await Tasks.of(topology('test', stream('in', { value: json<unknown>() }).print(2)))
  tasks.send('in', [{ key: 'k', value: '{"a":[1,{"b":"x"}]}' }, { value: '"text"' }, { value: '3' }])
  await tasks.run()
  tasks.send('in', [{ value: '4' }])
  await tasks.run()
  assert.deepEqual(
    tasks.printed.map(({ lines, time }) => ({ lines, time })),
    [
      { lines: ["k: { a: [ 1, { b: 'x' } ] }", 'text'], time: 1_700_000_000_000 },
      { lines: ['4'], time: 1_700_000_000_000 },
    ],
  )
})

test('the header names the time of the batch', () => {
  assert.equal(timeHeader(0)[1], 'Time: 1970-01-01T00:00:00.000Z')
})
