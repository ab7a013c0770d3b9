import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytes } from '../../../service/codec/bytes.ts'
import type { CodecFor } from '../../../service/codec/codec.ts'
import { hoppingState } from '../../../service/codec/hopping.ts'
import { inverseState } from '../../../service/codec/inverse.ts'
import { json } from '../../../service/codec/json.ts'
import { dueMark, keyWindows } from '../../../service/codec/key-windows.ts'
import { markerState } from '../../../service/codec/marker-sessions.ts'
import { sessions } from '../../../service/codec/sessions.ts'
import { slidingState } from '../../../service/codec/sliding.ts'
import { storedRecords } from '../../../service/codec/stored-records.ts'
import { structured } from '../../../service/codec/structured.ts'

function encoded<T>(codec: CodecFor<T>, value: T): Buffer {
  const written = codec.encode(value)
  assert.ok(written !== null)
  return written
}

/** Comes back as it was; no byte may be missing, and none be there that does not belong there. */
function roundTrips<T>(codec: CodecFor<T>, value: T): void {
  const written = encoded(codec, value)
  assert.deepEqual(codec.decode(written), value)
}

const open = [
  { start: -5, last: 0, value: { a: 1 } },
  { start: 2 ** 53, last: 2 ** 53, value: null },
]

describe('states of windows as bytes', () => {
  test('come back as they were', () => {
    roundTrips(sessions(json()), [])
    roundTrips(sessions(json()), open)
    const codec = keyWindows(sessions(json()))
    roundTrips(codec, dueMark)
    roundTrips(codec, { marks: [], state: open })
    roundTrips(codec, { marks: [-1, 2 ** 40], state: open })
    roundTrips(codec, { marks: [7], state: undefined })
    assert.equal(codec.name, 'key-windows(sessions(json))')
    assert.equal(codec.encode(dueMark)?.length, 0)
  })

  test('of sliding windows, with the records that wait', () => {
    const records = [
      { time: 5, stamp: Number.NEGATIVE_INFINITY, origin: undefined, headers: [], value: { a: 1 } },
      {
        time: -5,
        stamp: 17,
        origin: { topic: 'ä', partition: 3, offset: 2 ** 53 },
        headers: [['h', Buffer.from('x')] as const, ['', null] as const],
        value: null,
      },
    ]
    roundTrips(storedRecords(json()), records)
    roundTrips(storedRecords(structured()), [{ time: 0, stamp: 0, origin: undefined, headers: [], value: new Map([[1, 2n]]) }])
    const codec = slidingState({ slice: json(), value: json() })
    roundTrips(codec, { closed: Number.NEGATIVE_INFINITY, slices: [] })
    roundTrips(codec, {
      closed: 4,
      slices: [
        { time: 5, stamp: Number.NEGATIVE_INFINITY, value: [1], untaken: [] },
        { time: 5, stamp: 17, value: 2, untaken: records },
      ],
    })
    const markers = markerState({ aggregate: json(), value: json() })
    roundTrips(markers, { open: undefined, waiting: records })
    roundTrips(markers, { open: { start: 1, last: 2, value: 3 }, waiting: [] })
    const written = encoded(storedRecords(json()), records)
    for (let length = 0; length < written.length; length++)
      assert.throws(() => storedRecords(json()).decode(written.subarray(0, length)), TypeError)
  })

  test('of hopping windows that share slices', () => {
    const codec = hoppingState(json())
    const never = Number.NEGATIVE_INFINITY
    const newest = { start: 10, stamp: never, value: { a: 1 } }
    roundTrips(codec, { next: -7, older: [], newest })
    const older = [
      { start: -5, stamp: never, value: 1 },
      { start: 5, stamp: never, value: [2] },
      { start: 5, stamp: 17, value: null },
    ]
    const state = { next: 4, older, newest }
    roundTrips(codec, state)
    roundTrips(codec, { ...state, newest: { ...newest, stamp: -3 } })
    const written = encoded(codec, state)
    const wholes = [8 + 12 + 1, 8 + 12 + 1 + 12 + 3, 8 + 12 + 1 + 12 + 3 + 12 + 4 + 8]
    for (let length = 0; length < written.length; length++)
      if (!wholes.includes(length)) assert.throws(() => codec.decode(written.subarray(0, length)), TypeError, `${length} bytes`)
    assert.equal(codec.name, 'hopping(json)')
  })

  test('of windows of batches that values leave', () => {
    const codec = inverseState({ aggregate: json(), values: structured() })
    roundTrips(codec, { next: 7, aggregate: { a: 1 }, slots: [] })
    const slots = [
      { start: -1, pieces: [[1, 2n]] },
      { start: 3, pieces: [[undefined, new Map([[1, 2]])]] },
    ]
    roundTrips(codec, { next: 7, aggregate: 0, slots })
    const inPieces = encoded(codec, { next: 7, aggregate: 0, slots: [{ start: 1, pieces: [[1], [2, 3]] }] })
    assert.deepEqual(codec.decode(inPieces).slots, [{ start: 1, pieces: [[1, 2, 3]] }])
    assert.throws(() => codec.decode(inPieces.subarray(0, -1)), TypeError)
  })

  test('of which some are missing, or more are there, are refused', () => {
    const codec = keyWindows(sessions(json()))
    const written = encoded(codec, { marks: [1, 2], state: open })
    const wholes = [4 + 16, written.length]
    for (let length = 1; length < written.length; length++) {
      if (wholes.includes(length) || length === 4 + 16 + 20 + 7) continue
      assert.throws(() => codec.decode(written.subarray(0, length)), TypeError, `${length} of ${written.length} bytes`)
    }
    assert.throws(() => codec.decode(Buffer.concat([written, Buffer.of(0)])), TypeError)
    assert.throws(() => codec.decode(Buffer.from('ffffffff', 'hex')), TypeError)
  })

  test('share nothing with the bytes that they were read from', () => {
    const codec = sessions(bytes() as CodecFor<unknown>)
    const written = encoded(codec, [{ start: 0, last: 0, value: Buffer.from('abc') }])
    const [read] = codec.decode(written)
    written.fill(0)
    assert.deepEqual(read?.value, Buffer.from('abc'))
  })

  test('an aggregate that its codec makes nothing of is refused', () => {
    const nothing: CodecFor<unknown> = { name: 'nothing', encode: () => null, decode: () => undefined }
    assert.throws(() => sessions(nothing).encode(open), /nothing made no bytes/)
    const written = encoded(sessions(json()), open)
    assert.throws(() => sessions(nothing).decode(written), /nothing made undefined/)
  })
})
