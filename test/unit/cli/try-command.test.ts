import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { caudal } from '../../../service/cli/caudal.ts'
import type { Parts } from '../../../service/cli/parts.ts'
import { bytes, json, stream, text, type Topology, topology } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'
import hourlyPurchases from '../../../topologies/hourly-purchases.ts'
import { absentParts } from '../../support/parts.ts'

const shipped = join(import.meta.dirname, '..', '..', '..', 'topologies')
const directory = mkdtempSync(join(tmpdir(), 'caudal-try-'))
after(() => rmSync(directory, { recursive: true }))
writeFileSync(join(directory, 'any.ts'), '')

const golden = readFileSync(join(shipped, 'hourly-purchases.golden.jsonl'), 'utf8')
const hourlyInput = join(shipped, 'hourly-purchases.input.jsonl')

/** `words` behind `caudal try any.ts`, which is `made`; `input` comes by standard input. */
async function run(made: Topology, words: readonly string[], { input = '', ...own }: Partial<Parts> & { input?: string } = {}) {
  let [out, error] = ['', '']
  const parts: Parts = {
    ...absentParts,
    directory,
    terminal: { ...absentParts.terminal, complain: (line) => void (error += `${line}\n`) },
    loadTopology: async () => made,
    readStandardInput: async () => input,
    deliver: async (output) => void (out += output),
    openTestDriver: testDriver,
    ...own,
  }
  return { code: await caudal(['try', 'any.ts', ...words], parts), out, error }
}

const withoutPartition = (lines: string) =>
  lines
    .replace(/"partition":\d,/g, '')
    .split('\n')
    .toSorted()

const copies = stream('in', { value: json<{ n: number }>() })
const copying = topology('copying', [
  copies.to('b-out', { value: json() }),
  copies.map(({ n }) => Buffer.from([n])).to('a-out', { value: bytes(), headers: () => ({ h: Buffer.from('x') }) }),
])

suite('try', () => {
  test('hourly-purchases on its input: the golden file, twice the same bytes', async () => {
    const first = await run(hourlyPurchases, ['--input', hourlyInput])
    assert.deepEqual([first.code, first.error], [0, ''])
    assert.equal(first.out, golden)
    assert.deepEqual(await run(hourlyPurchases, ['--input', hourlyInput]), first)
  })

  test('from standard input, in small batches, and with the clock ahead: the same', async () => {
    const input = readFileSync(hourlyInput, 'utf8')
    const { out } = await run(hourlyPurchases, ['--input', '-', '--batch', '7', '--now', '2026-02-01'], { input })
    assert.equal(out, golden)
  })

  test('over four partitions: the same rows, each partition in order', async () => {
    const { out } = await run(hourlyPurchases, ['--input', hourlyInput, '--partitions', '4'])
    const places = out.match(/"topic":"[^"]+","partition":\d/g) ?? []
    assert.deepEqual(places, places.toSorted())
    assert.equal(new Set(places).size > 2, true)
    assert.deepEqual(withoutPartition(out), withoutPartition(golden))
  })

  test('topics in order of the alphabet, headers where there are any, bytes as text or base64', async () => {
    const input = '{"key":"k","value":{"n":65},"timestamp":3}\n{"value":{"n":255},"timestamp":1}\n'
    const { out } = await run(copying, ['--input', '-'], { input })
    assert.deepEqual(out.split('\n'), [
      '{"topic":"a-out","partition":0,"key":"k","value":"A","timestamp":3,"headers":{"h":"x"}}',
      '{"topic":"a-out","partition":0,"key":null,"value":{"base64":"/w=="},"timestamp":1,"headers":{"h":"x"}}',
      '{"topic":"b-out","partition":0,"key":"k","value":{"n":65},"timestamp":3}',
      '{"topic":"b-out","partition":0,"key":null,"value":{"n":255},"timestamp":1}',
      '',
    ])
  })

  test('dead letters are output', async () => {
    const failing = topology('failing', stream('in', { value: text() }).map(fail).to('out', { value: json() }), {
      onError: 'dead-letter',
      deadLetterTopic: 'dead',
    })
    const { code, out } = await run(failing, ['--input', '-'], { input: '{"value":"a"}' })
    assert.equal(code, 0)
    assert.match(
      out,
      /^\{"topic":"dead","partition":0,"key":null,"value":"a","timestamp":0,"headers":\{"caudal-error":"map failed/,
    )
  })

  test('no records: no output', async () => {
    assert.deepEqual(await run(copying, ['--input', '-']), { code: 0, out: '', error: '' })
  })

  test('all bad lines at once, and nothing is run', async () => {
    const openTestDriver = () => Promise.reject(new Error('started'))
    writeFileSync(join(directory, 'bad.jsonl'), '{"value":{"n":1}}\n{\n{"topic":"on","value":1}\n{"topic":"in"}\n')
    const { code, out, error } = await run(copying, ['--input', 'bad.jsonl'], { openTestDriver })
    assert.deepEqual([code, out], [2, ''])
    const [head, ...lines] = error.trimEnd().split('\n')
    assert.equal(head, 'caudal: 3 defects; nothing was started')
    assert.deepEqual(
      lines.map((line) => line.slice(0, '  - bad.jsonl:2: '.length)),
      ['  - bad.jsonl:2: ', '  - bad.jsonl:3: ', '  - bad.jsonl:4: '],
    )
  })

  test('a line that a broker would refuse', async () => {
    const input = `{"value":{"n":1}}\n${JSON.stringify({ value: 'x'.repeat(2 ** 21) })}`
    const { code, error } = await run(copying, ['--input', '-'], { input })
    assert.equal(code, 2)
    assert.match(error, /^caudal: standard input:2: .*MESSAGE_TOO_LARGE/)
  })

  test('a fault: its message, exit code 1, and no output', async () => {
    const failing = topology('failing', stream('in', { value: text() }).map(fail).to('out', { value: json() }))
    const { code, out, error } = await run(failing, ['--input', '-'], { input: '{"value":"a"}' })
    assert.deepEqual([code, out], [1, ''])
    assert.match(error, /^caudal: topic in, partition 0, offset 0: map failed: Error: broken/)
  })

  test('what is written with one codec and read with another is told of, with its topic', async () => {
    const mixed = topology('mixed', [
      copies.to('out', { value: json() }),
      stream('texts', { value: text() }).to('out', { value: text() }),
    ])
    const { code, error } = await run(mixed, ['--input', '-'], { input: '{"topic":"texts","value":"no JSON"}' })
    assert.equal(code, 1)
    assert.match(error, /^caudal: topic out: what was written there cannot be read with the codec of its sink: SyntaxError/)
  })

  test('it ends when the output was taken, not before', async () => {
    const taken = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    let ended = false
    const running = run(copying, ['--input', '-'], {
      deliver: () => {
        begun.resolve()
        return taken.promise
      },
    }).then(() => (ended = true))
    await begun.promise
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(ended, false)
    taken.resolve()
    await running
  })

  test('usage', async () => {
    const usage = async (...words: readonly string[]) => {
      const { code, error } = await run(copying, words, { readStandardInput: () => Promise.reject(new Error('was read')) })
      return [code, error.trimEnd()]
    }
    assert.deepEqual(await usage(), [2, 'caudal: --input is needed: a file of records, or - for standard input'])
    // Standard input, which would fail here, is not waited for.
    assert.deepEqual(await usage('--input', '-', '--batch', '0'), [2, 'caudal: --batch: must be an integer from 1, is "0"'])
    assert.deepEqual(await usage('--input', 'absent.jsonl'), [2, 'caudal: absent.jsonl: no such file'])
    assert.deepEqual(await usage('--input', 'absent.jsonl', '--batch', 'x'), [
      2,
      'caudal: 2 defects; nothing was started\n  - --batch: must be an integer from 1, is "x"\n  - absent.jsonl: no such file',
    ])
  })
})

function fail(): never {
  throw new Error('broken')
}
