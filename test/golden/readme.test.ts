/** The code in the README runs, and does what it says. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..', '..')
const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)

test('the topology of the README, driven by the test of the README', async () => {
  const [topology = '', testing = ''] = blocks
  assert.equal(blocks.length, 2)
  const directory = mkdtempSync(join(root, '.cache-readme-'))
  try {
    const service = (name: string) => pathToFileURL(join(root, 'service', name)).href
    const linked = (code: string) =>
      code.replace("'caudal'", `'${service('index.ts')}'`).replace("'caudal/testing'", `'${service('testing.ts')}'`)
    writeFileSync(join(directory, 'sales.ts'), linked(topology))
    const read = testing.replace(/^(driver\.read\(.*?\)).*$/m, 'export const rows = $1\nawait driver.stop()')
    writeFileSync(join(directory, 'test.ts'), `import sales from './sales.ts'\n${linked(read)}`)
    const { rows } = (await import(pathToFileURL(join(directory, 'test.ts')).href)) as {
      readonly rows: readonly { key: string; value: number }[]
    }
    assert.deepEqual(
      rows.map(({ key, value }) => ({ key, value })),
      [{ key: 'tea', value: 5 }],
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
})
