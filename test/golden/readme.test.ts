/** The code in the README runs, and does what it says. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Topology, Windowed } from '../../service/index.ts'
import { testDriver } from '../../service/testing.ts'

const root = join(import.meta.dirname, '..', '..')
const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
const [sales = '', salesTest = '', hourly = ''] = blocks

/** Imports one of several files that are written side by side. */
async function imported(test: TestContext, files: Readonly<Record<string, string>>, name: string): Promise<unknown> {
  const directory = mkdtempSync(join(root, '.cache-readme-'))
  test.after(() => rmSync(directory, { recursive: true }))
  const service = (file: string) => pathToFileURL(join(root, 'service', file)).href
  for (const [file, code] of Object.entries(files)) {
    const linked = code.replace("'caudal'", `'${service('index.ts')}'`).replace("'caudal/testing'", `'${service('testing.ts')}'`)
    writeFileSync(join(directory, file), linked)
  }
  return import(pathToFileURL(join(directory, name)).href)
}

test('the topology of the README, driven by the test of the README', async (test) => {
  const read = salesTest.replace(/^(driver\.read\(.*?\)).*$/m, 'export const rows = $1\nawait driver.stop()')
  const files = { 'sales.ts': sales, 'test.ts': `import sales from './sales.ts'\n${read}` }
  const { rows } = (await imported(test, files, 'test.ts')) as { readonly rows: readonly { key: string; value: number }[] }
  assert.deepEqual(
    rows.map(({ key, value }) => ({ key, value })),
    [{ key: 'tea', value: 5 }],
  )
})

test('the windows of the README close as its picture says', async (test) => {
  assert.equal(blocks.length, 3)
  const { default: topology } = (await imported(test, { 'hourly.ts': hourly }, 'hourly.ts')) as { readonly default: Topology }
  const driver = await testDriver(topology)
  test.after(() => driver.stop())
  const time = (hours: number, minutes: number) => (hours * 60 + minutes) * 60_000
  const finals: (readonly [number, number])[] = []
  const events = [time(1, 2), time(1, 40), time(1, 31), time(2, 5), time(1, 58), time(2, 20)]
  for (const [n, at] of events.entries()) {
    driver.send('purchases', { key: 'any', value: { customer: 'ada', amount: 1, at }, timestamp: at })
    await driver.drain()
    finals.push(...driver.read<Windowed<number>>('hourly-spend').map(({ value }) => [n, value.value] as const))
  }
  // The watermark is 2:05 with the last event, and what came at 1:58 was in time.
  assert.deepEqual(finals, [[5, 4]])
  driver.send('purchases', { key: 'any', value: { customer: 'ada', amount: 1, at: time(1, 59) }, timestamp: time(2, 21) })
  await driver.drain()
  assert.equal(driver.read('too-late').length, 1)
})
