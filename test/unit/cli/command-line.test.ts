import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readCommandLine } from '../../../service/cli/command-line.ts'
import { commands } from '../../../service/cli/commands.ts'

const read = (words: string) => readCommandLine(words.split(' ').filter(Boolean), commands)

suite('command line', () => {
  test('a command, its file, its options and flags of configuration keys', () => {
    const line = read(
      'run a.ts --export totals --seconds 2.5 --kafka-brokers a:1,b:2 --config x.json --config y.json --kafka-ssl-enabled',
    )
    assert.equal(line.command?.name, 'run')
    const { file, exportName, seconds, configFiles, flags, defects } = line
    assert.deepEqual([file, exportName, seconds, configFiles, defects], ['a.ts', 'totals', 2.5, ['x.json', 'y.json'], []])
    assert.deepEqual(flags.given, [
      { key: 'kafka.brokers', value: 'a:1,b:2', from: '--kafka-brokers' },
      { key: 'kafka.ssl.enabled', value: 'true', from: '--kafka-ssl-enabled' },
    ])
  })

  test('values may stand behind an equals sign, negative numbers too', () => {
    const { flags, defects } = read('run a.ts --workers=3 --kafka-ssl-enabled=false --kafka-replication-factor -1')
    assert.deepEqual(
      flags.given.map(({ value }) => value),
      ['3', 'false', '-1'],
    )
    assert.deepEqual(defects, [])
  })

  test('dev has a file of its own, run has none', () => {
    assert.equal(read('dev').file, 'topologies/hourly-purchases.ts')
    assert.deepEqual(read('run').defects, ['a topology file is needed: caudal run <file>'])
  })

  test('what try runs on; - is standard input', () => {
    const { file, input, partitions, batch, now, defects } = read('try a.ts --input - --partitions 4 --batch 7 --now 5')
    assert.deepEqual([file, input, partitions, batch, now, defects], ['a.ts', '-', 4, 7, 5, []])
  })

  test('help and version need nothing else', () => {
    assert.deepEqual(
      [read('--help').help, read('-h').help, read('run --help').help, read('--version').version],
      [true, true, true, true],
    )
    assert.deepEqual(read('run --help').defects, [])
  })

  for (const [words, ...defects] of [
    ['', 'a command is needed: run, dev, try, describe, feed'],
    ['rnu a.ts', 'rnu: unknown command; did you mean run?'],
    ['run a.ts b.ts', 'b.ts: one word too many; caudal run takes one file'],
    ['run a.ts --worker 3', '--worker: unknown option; did you mean --workers?'],
    ['run a.ts --workers', '--workers: needs a value'],
    ['run a.ts --workers --seconds 3', '--workers: needs a value'],
    ['run a.ts --seconds soon', '--seconds: must be a number of seconds, is "soon"'],
    ['run a.ts --input b.jsonl', '--input: unknown option'],
    ['try a.ts --partitions 0', '--partitions: must be an integer from 1 to 1000, is "0"'],
    ['try a.ts --workers 3', '--workers: unknown option'],
    ['describe a.ts --workers 3', '--workers: unknown option'],
    ['describe a.ts --seconds 3', '--seconds: unknown option'],
    [
      'run a.ts --worker 3 --second 4',
      '--worker: unknown option; did you mean --workers?',
      '--second: unknown option; did you mean --seconds?',
    ],
  ]) {
    test(`refused: "${words}"`, () => assert.deepEqual(read(words ?? '').defects, defects))
  }

  test('which word is the file is not guessed where an option is unknown', () => {
    assert.equal(read('run --worker 3 a.ts').file, undefined)
  })
})
