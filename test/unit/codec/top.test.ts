import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { json } from '../../../service/codec/json.ts'
import { structured } from '../../../service/codec/structured.ts'
import { type TopPart, topParts, topStates, type TopState } from '../../../service/codec/top.ts'

const plain = { noNullPrototype: true } as const
const rows = fc.array(
  fc.record(
    {
      key: fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      keyKind: fc.constantFrom('s', 'n', 'b', 'o'),
      value: fc.oneof(fc.integer(), fc.string(), fc.constant({ a: [1] })),
    },
    plain,
  ),
  { maxLength: 4 },
) as fc.Arbitrary<TopPart['rows']>
const partition = fc.nat(70_000)

test('parts and states come back as they went in', () => {
  for (const codec of [json<unknown>(), structured<unknown>()]) {
    const [parts, states] = [topParts(codec), topStates(codec)]
    fc.assert(
      fc.property(fc.record({ partition, isFinal: fc.boolean(), rows }, plain), (part: TopPart) => {
        assert.deepEqual(parts.decode(parts.encode(part) as Buffer), part)
      }),
    )
    fc.assert(
      fc.property(
        fc.record({ final: rows, open: fc.array(fc.record({ partition, rows }, plain), { maxLength: 3 }) }, plain),
        (state: TopState) => {
          assert.deepEqual(states.decode(states.encode(state) as Buffer), state)
        },
      ),
    )
    assert.deepEqual([parts.name, states.name], [`top-parts(${codec.name})`, `top(${codec.name})`])
  }
})

test('bytes of something else are refused', () => {
  const parts = topParts(json())
  const bytes = parts.encode({ partition: 1, isFinal: true, rows: [{ key: 'k', keyKind: 's', value: 1 }] })
  assert.ok(bytes)
  for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from([0])]), Buffer.alloc(3)])
    assert.throws(() => parts.decode(wrong), TypeError)
  const other = Buffer.from(bytes)
  other[other.indexOf('s', 17)] = 'x'.charCodeAt(0)
  assert.throws(() => parts.decode(other), /a key of unknown kind "x"/)
})
