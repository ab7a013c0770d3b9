import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readOptionValues } from '../../../service/cli/option-values.ts'
import type { OptionName } from '../../../service/cli/options.ts'

const read = (name: OptionName, ...values: readonly string[]) => readOptionValues(new Map([[name, values]]))

suite('values of options', () => {
  test('what is not given', () => {
    const { values, defects } = readOptionValues(new Map())
    assert.deepEqual(
      [values.exportName, values.configFiles, values.seconds, values.input, defects],
      ['default', [], undefined, undefined, []],
    )
  })

  test('the last of several counts, but all files of settings', () => {
    assert.equal(read('batch', '1', '7').values.batch, 7)
    assert.deepEqual(read('config', 'a.json', 'b.json').values.configFiles, ['a.json', 'b.json'])
  })

  for (const [text, ms] of [
    ['1767254400000', 1_767_254_400_000],
    ['-5', -5],
    ['2026-01-01', 1_767_225_600_000],
    ['2026-01-01T08:00Z', 1_767_254_400_000],
    ['2026-01-01T09:00:00.250+01:00', 1_767_254_400_250],
  ] as const)
    test(`a time: ${text}`, () => assert.equal(read('now', text).values.now, ms))

  for (const [name, text] of [
    ['now', 'noon'],
    ['now', '2026-13-01'],
    // Another time on another machine.
    ['now', '2026-01-01T08:00'],
    ['batch', '0'],
    ['batch', '1.5'],
    ['partitions', '1001'],
    ['seconds', '-1'],
  ] as const) {
    test(`refused: --${name} ${text}`, () => {
      const { values, defects } = read(name, text)
      assert.equal(values[name], undefined)
      assert.match(defects.join(), new RegExp(`^--${name}: must be .*, is "${text.replace('.', '\\.')}"$`))
    })
  }
})
