import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specOf } from '../../../service/dsl/windows.ts'
import { batches, hopping, session, sliding, tumbling } from '../../../service/index.ts'
import { refused } from './refused.ts'

const mark = () => true

test('windows carry their spec in milliseconds, frozen, with defaults', () => {
  const aligned = (sizeMs: number, advanceMs: number, more: object = {}) => ({
    kind: 'aligned',
    sizeMs,
    advanceMs,
    offsetMs: 0,
    graceMs: 0,
    ...more,
  })
  const sessions = { kind: 'session', gapMs: null, startsWith: undefined, endsWith: undefined, graceMs: 0, order: 'time' }
  const expected: readonly (readonly [windows: unknown, spec: object])[] = [
    [tumbling('1 hour'), aligned(3_600_000, 3_600_000)],
    [tumbling(1), aligned(1, 1)],
    [
      tumbling('1 day', { offset: '23 hours', grace: '1 minute' }),
      aligned(86_400_000, 86_400_000, { offsetMs: 82_800_000, graceMs: 60_000 }),
    ],
    [hopping('10 seconds', '2 seconds'), aligned(10_000, 2_000)],
    [hopping(12, 5, { offset: 3 }), aligned(12, 5, { offsetMs: 3 })],
    [hopping(10, 10), aligned(10, 10)],
    [batches(6), { kind: 'batches', length: 6, slide: 1 }],
    [batches(6, 6), { kind: 'batches', length: 6, slide: 6 }],
    [sliding(10), { kind: 'sliding', spanMs: 10, graceMs: 0 }],
    [sliding(0, { grace: 4 }), { kind: 'sliding', spanMs: 0, graceMs: 4 }],
    [session({ gap: '30 minutes', grace: 5 }), { ...sessions, gapMs: 1_800_000, graceMs: 5 }],
    [session({ startsWith: mark, endsWith: mark }), { ...sessions, startsWith: mark, endsWith: mark }],
    [session({ gap: 1, endsWith: mark, order: 'arrival' }), { ...sessions, gapMs: 1, endsWith: mark, order: 'arrival' }],
    [session({ gap: 1, order: 'time' }), { ...sessions, gapMs: 1 }],
  ]
  for (const [windows, spec] of expected) {
    assert.deepEqual(specOf(windows), spec)
    assert.ok(Object.isFrozen(windows) && Object.isFrozen(specOf(windows)))
  }
  assert.equal(session({ gap: 1 }).merges, true)
})

test('an offset turns with the windows: days of another time zone, however it is written', () => {
  const offset = (windows: unknown) => {
    const spec = specOf(windows)
    return spec.kind === 'aligned' && spec.offsetMs
  }
  assert.equal(offset(tumbling('1 day', { offset: '26 hours' })), 7_200_000)
  assert.equal(offset(tumbling('1 hour', { offset: '2 hours' })), 0)
  assert.equal(offset(hopping('1 hour', '10 minutes', { offset: '25 minutes' })), 300_000)
})

test('wrong sizes are refused', () => {
  refused(() => tumbling(0), /The size of tumbling is 0; it is at least 1 ms/)
  refused(() => tumbling('0 hours'), /The size of tumbling is '0 hours'; it is at least 1 ms/)
  refused(() => tumbling(-5), /The size of tumbling is -5, which is no duration/)
  refused(() => tumbling(1.5), /The size of tumbling is 1.5: event time is counted in whole milliseconds/)
  refused(() => tumbling(2 ** 60), /whole milliseconds/)
  refused(() => tumbling(Number.POSITIVE_INFINITY), /which is no duration/)
  refused(() => tumbling('10 fortnights' as never), /"10 fortnights", which is no duration/)
  refused(() => tumbling(undefined as never), /The size of tumbling is undefined/)
  refused(() => hopping(0, 1), /The size of hopping is 0/)
  refused(() => hopping(10, 0), /The advance of hopping is 0; it is at least 1 ms/)
  refused(() => hopping(10, -1), /The advance of hopping is -1/)
  refused(() => hopping('10 s', '11 s'), /The advance of hopping is 11000 ms, more than its size of 10000 ms/)
  refused(() => hopping(10, undefined as never), /The advance of hopping is undefined/)
  refused(() => sliding(-1), /The span of sliding is -1/)
  refused(() => session({ gap: 0 }), /The gap of session is 0; it is at least 1 ms/)
  refused(() => session({ gap: '-1 s' }), /The gap of session is "-1 s"/)
})

test('wrong graces, offsets and options are refused', () => {
  refused(() => tumbling(1, { grace: -1 }), /The grace of tumbling is -1, which is no duration/)
  refused(() => tumbling(1, { offset: -1 }), /The offset of tumbling is -1/)
  refused(() => hopping(2, 1, { grace: '1 eon' as never }), /The grace of hopping is "1 eon"/)
  refused(() => sliding(1, { grace: -1 }), /The grace of sliding is -1/)
  refused(() => session({ gap: 1, grace: -1 }), /The grace of session is -1/)
  refused(() => tumbling(1, '10 minutes' as never), /tumbling needs options, and was given '10 minutes'/)
  refused(() => sliding(1, null as never), /sliding needs options, and was given null/)
  refused(() => session(undefined as never), /session needs options, and was given undefined/)
})

test('a session ends somehow, by functions', () => {
  refused(() => session({} as never), /A session never ends: give it a gap, endsWith or startsWith/)
  refused(() => session({ gap: 1, endsWith: 'end' as never }), /endsWith of session needs a function, and was given 'end'/)
  refused(() => session({ startsWith: true as never }), /startsWith of session needs a function/)
  refused(
    () => session({ gap: 1, endsWith: mark, order: 'any' as never }),
    /The order of session is 'any'; it is one of: time, arrival/,
  )
  refused(() => session({ gap: 1, order: 'arrival' }), /neither startsWith nor endsWith/)
  refused(() => session({ endsWith: mark, order: 'arrival', grace: 1 }), /order 'arrival' and a grace/)
})

test('what no maker made are no windows', () => {
  for (const other of [undefined, null, 5, '1 hour', {}, { merges: true }, tumbling])
    refused(() => specOf(other), /made by tumbling\(\), hopping\(\), sliding\(\), batches\(\) or session\(\)/)
})

test('batches are counted in whole numbers, and none is in no window', () => {
  refused(() => batches(0), /The length of batches is 0; it is a whole number from 1 up/)
  refused(() => batches(2.5), /The length of batches is 2\.5/)
  refused(() => batches('2' as never), /The length of batches is '2'/)
  refused(() => batches(2, 0), /The slide of batches is 0; it is a whole number from 1 up/)
  refused(
    () => batches(2, 3),
    /The slide of batches is 3, more than its length of 2: records between two windows would be in none/,
  )
})
