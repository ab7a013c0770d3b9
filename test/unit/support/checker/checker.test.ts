/** The checker itself: a history that is right has no anomaly, and each that is planted is found and named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { expectedOf } from '../../../support/checker/answers.ts'
import { anomaliesOf } from '../../../support/checker/checker.ts'
import type { History, LogRecord } from '../../../support/checker/history.ts'
import { plants } from './plants.ts'
import { histories } from './random-history.ts'

const found = (history: History) => anomaliesOf(history, expectedOf('running', 'app', history))

test('a history that is right has no anomaly', () => {
  fc.assert(fc.property(histories, (history) => assert.deepEqual(found(history), [])))
})

for (const { name, kind, besides = [], plant } of plants) {
  test(`${kind}: ${name}`, () => {
    fc.assert(
      fc.property(histories, fc.nat(), (history, choice) => {
        const planted = plant(history, (count) => choice % count)
        fc.pre(planted !== null)
        const anomalies = found(planted)
        const kinds = new Set(anomalies.map((anomaly) => anomaly.kind))
        assert.ok(kinds.has(kind), `found ${JSON.stringify(anomalies)}`)
        assert.deepEqual(
          [...kinds].filter((other) => other !== kind && !besides.includes(other)),
          [],
          JSON.stringify(anomalies),
        )
      }),
    )
  })
}

/** Of numbers that one key brought to one partition, with rows as the topology would write them. */
function finals(numbers: readonly number[], rows: readonly (readonly [string, object])[]): History {
  const at =
    (topic: string) =>
    (value: readonly [string, string], offset: number): LogRecord => ({
      topic,
      partition: 0,
      offset,
      timestamp: 1,
      key: value[0],
      value: value[1],
    })
  const input = numbers.map((number) => ['key', String(number)] as const).map(at('app-input'))
  const output = rows.map(([key, row]) => [key, JSON.stringify(row)] as const).map(at('app-sessions'))
  const ends = [{ topic: 'app-input', partition: 0, first: 0, stable: numbers.length, end: numbers.length }]
  return {
    input: 'app-input',
    sent: [],
    seen: output.map((record) => ({ ...record, atMs: 1 })),
    final: { committed: [...input, ...output], raw: [...input, ...output], ends },
    offsets: [{ atMs: 1, topic: 'app-input', partition: 0, offset: numbers.length, metadata: '' }],
    changelogs: new Map(),
    redis: null,
    isCompacted: false,
  }
}

test('rows that are final once: missing, twice, with too little or too much in them, of nobody', () => {
  const numbers = Array.from({ length: 9 }, (_, index) => index + 1)
  const row = ['key@100', { start: 100, end: 801, value: 8, closedBy: 'marker' }] as const
  const kinds = (...rows: readonly (readonly [string, object])[]) => {
    const history = finals(numbers, rows)
    return anomaliesOf(history, expectedOf('sessions', 'app', history)).map(({ kind }) => kind)
  }
  assert.deepEqual(kinds(row), [])
  assert.deepEqual(kinds(), ['lost'])
  assert.deepEqual(kinds(row, row), ['duplicated'])
  assert.deepEqual(kinds(['key@100', { ...row[1], value: 7 }]), ['lost'])
  assert.deepEqual(kinds(['key@100', { ...row[1], value: 9 }]), ['duplicated'])
  assert.deepEqual(kinds(['key@100', { ...row[1], closedBy: 'gap' }]), ['reordered'])
  assert.deepEqual(kinds(row, ['key@200', row[1]]), ['phantom-key'])
})
