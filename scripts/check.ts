/** `npm run check`: types, lint, format and the house rules, side by side, in seconds. Prints the output of the parts that failed. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

interface Part {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const root = join(import.meta.dirname, '..')
const installed = (name: string) => join(root, 'node_modules/.bin', name)
const parts: readonly Part[] = [
  { name: 'types', command: installed('tsc'), args: ['-p', '.', '--pretty', 'false'] },
  { name: 'lint', command: installed('oxlint'), args: ['--type-aware', '--deny-warnings', '--format=unix'] },
  { name: 'format', command: installed('biome'), args: ['format', '--colors=off', '.'] },
  {
    name: 'house rules',
    command: process.execPath,
    args: ['--test', '--test-reporter=./scripts/test-reporter.ts', 'test/tidy.test.ts'],
  },
]

/** Runs one part to its end and prints its line; true when it found nothing. */
async function run({ name, command, args }: Part): Promise<boolean> {
  const begin = performance.now()
  const output: Buffer[] = []
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const passed = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      output.push(Buffer.from(`${error.message} (has npm install been run?)\n`))
      resolve(false)
    })
    child.once('close', (code) => resolve(code === 0))
  })
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${seconds} s`)
  if (!passed) console.log(Buffer.concat(output).toString('utf8'))
  return passed
}

const results = await Promise.all(parts.map(run))
process.exitCode = results.every(Boolean) ? 0 : 1
