/** The command line as a user meets it: a process, its output and its exit code. Needs no broker. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..', '..')
const directory = mkdtempSync(join(tmpdir(), 'caudal-cli-'))
after(() => rmSync(directory, { recursive: true }))

const shipped = 'topologies/customer-spend.ts'
const hourly = (kind: string) => `topologies/hourly-purchases.${kind}`
const service = pathToFileURL(join(root, 'service', 'index.ts')).href

function topologyFile(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

async function caudal(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CAUDAL_'))
  const child = spawn(process.execPath, ['service/main.ts', ...words], {
    cwd: root,
    env: { ...Object.fromEntries(own), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ])
  return { code, out, error }
}

suite('command line', { concurrency: 2 }, () => {
  test('--help and --version', async () => {
    const help = await caudal(['--help'])
    assert.deepEqual([help.code, help.error], [0, ''])
    assert.match(help.out, /caudal run <file>/)
    assert.match((await caudal(['run', '--help'])).out, /--kafka-brokers/)
    assert.match((await caudal(['--version'])).out, /^\d+\.\d+\.\d+\n$/)
  })

  test('no command: the help, on standard error, with exit code 2', async () => {
    const { code, out, error } = await caudal([])
    assert.deepEqual([code, out], [2, ''])
    assert.match(error, /a command is needed: run, dev, try, describe, feed\n[^]*Usage:/)
  })

  test('describe needs no configuration', async () => {
    const { code, out } = await caudal(['describe', shipped])
    assert.equal(code, 0)
    assert.match(out, /customer-spend/)
  })

  test('try runs a file on a file, and prints what came out', async () => {
    const { code, out, error } = await caudal(['try', hourly('ts'), '--input', hourly('input.jsonl')])
    assert.deepEqual([code, error], [0, ''])
    assert.equal(out, readFileSync(join(root, hourly('golden.jsonl')), 'utf8'))
  })

  test('dev shows an hour that closes, and how many rows there were in the end', async () => {
    const { code, out, error } = await caudal(['dev', '--sandbox-kind', 'memory', '--seconds', '8'])
    assert.deepEqual([code, error], [0, ''])
    assert.match(out, / hourly-purchases: \d+ {2}\{"customer":/)
    assert.match(out, / closed up to \d{4}-\d\d-\d\dT00:00:00Z · hourly-spend · \d+ final row/)
    const rows = /rows out +(\d+)\n/.exec(out)?.[1]
    assert.notEqual(Number(rows), 0)
    assert.equal(out.trimEnd().split('\n').at(-1), `rows: ${rows}`)
  })

  test('a fault of the topology ends try with exit code 1, and prints nothing', async () => {
    const faulty = topologyFile(
      'faulty.ts',
      `import { json, stream, topology } from '${service}'\nconst fail = () => { throw new Error('broken') }\nexport default topology('faulty', stream('a', { value: json<number>() }).map(fail).to('b', { value: json() }))\n`,
    )
    const { code, out, error } = await caudal(['try', faulty, '--input', topologyFile('one.jsonl', '{"value":1}\n')])
    assert.deepEqual([code, out], [1, ''])
    assert.match(error, /^caudal: topic a, partition 0, offset 0: map failed: Error: broken/)
  })

  test('all defects at once, from every source', async () => {
    const words = ['run', 'absent.ts', '--workers', '0', '--kafka-broker=a:1', '--config', 'absent.json', '--seconds', 'x']
    const { code, out, error } = await caudal(words, { CAUDAL_KAFKA_BROKRS: 'a:1', CAUDAL_REDIS_URL: 'http://a' })
    assert.deepEqual([code, out], [2, ''])
    assert.deepEqual(error.trimEnd().split('\n'), [
      'caudal: 8 defects; nothing was started',
      '  - --kafka-broker: unknown option; did you mean --kafka-brokers?',
      '  - --seconds: must be a number of seconds, is "x"',
      '  - absent.json: no such file',
      '  - CAUDAL_KAFKA_BROKRS: unknown key; did you mean CAUDAL_KAFKA_BROKERS?',
      '  - --workers: must be an integer from 1 to 64, is "0"',
      '  - CAUDAL_REDIS_URL: must be a URL that begins with redis://, rediss://, redis-cluster://, rediss-cluster://, redis-sentinel://, rediss-sentinel://, is "http://a"',
      '  - kafka.brokers: not set; give --kafka-brokers host:port, or CAUDAL_KAFKA_BROKERS',
      '  - absent.ts: no such file',
    ])
  })

  test('a secret is not repeated', async () => {
    const environment = { CAUDAL_KAFKA_SASL_PASSWORD: 'hush', CAUDAL_REDIS_PASSWORD_FILE: join(directory, 'absent') }
    const { code, error } = await caudal(['run', shipped], environment)
    assert.equal(code, 2)
    assert.doesNotMatch(error, /hush/)
  })

  test('a topology file that does not load, or exports something else', async () => {
    const other = topologyFile('other.ts', 'export default 42\n')
    const throwing = topologyFile('throwing.ts', "throw new TypeError('broken')\n")
    const syntax = topologyFile('syntax.ts', 'export default {\n')
    const named = topologyFile(
      'named.ts',
      `import { json, stream, topology } from '${service}'\nexport const copy = topology('copy', stream('a', { value: json<number>() }).to('b', { value: json() }))\n`,
    )
    for (const [file, ...patterns] of [
      [other, /other\.ts/, /topology/],
      [throwing, /throwing\.ts/, /broken/],
      [syntax, /syntax\.ts/],
      [named, /named\.ts/, /copy/, /--export/],
    ] as const) {
      const { code, error } = await caudal(['describe', file])
      assert.equal(code, 2, error)
      assert.equal(error.trimEnd().split('\n').length, 1, error)
      for (const pattern of patterns) assert.match(error, pattern)
    }
    assert.equal((await caudal(['describe', named, '--export', 'copy'])).code, 0)
  })

  test('a port in use stops the start, before anything is connected to', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, error } = await caudal([
      'run',
      shipped,
      '--kafka-brokers',
      '127.0.0.1:1',
      '--http-port',
      `${port}`,
      '--log-level',
      'silent',
    ])
    assert.deepEqual(
      [code, error],
      [2, `caudal: http.port: ${port} on 127.0.0.1 is in use; give another one, or 0 for any that is free\n`],
    )
    other.close()
  })
})
