/** Golden files of shipped topologies: input and output as JSON lines, beside the topology. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Topology } from '../../service/index.ts'
import { type TestDriver, type TestDriverOptions, testDriver } from '../../service/testing.ts'

export interface InputLine {
  readonly topic: string
  readonly key?: string
  readonly value: unknown
  readonly timestamp: number
}
export interface OutputLine {
  readonly topic: string
  readonly partition: number
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
}

const lines = (file: URL): readonly unknown[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))

/** The golden files of `topologies/<name>.ts`; with UPDATE_GOLDEN=1 what is missing or has changed is written. */
export function goldenOf(name: string): {
  readonly input: readonly InputLine[]
  expect(output: readonly OutputLine[]): readonly OutputLine[]
} {
  const file = (kind: string) => new URL(`../../topologies/${name}.${kind}.jsonl`, import.meta.url)
  return {
    input: lines(file('input')) as readonly InputLine[],
    expect(output) {
      const golden = file('golden')
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, output.map((line) => `${JSON.stringify(line)}\n`).join(''))
      if (!existsSync(golden))
        throw new Error(`${golden.pathname} does not exist: run once with UPDATE_GOLDEN=1 and read what it wrote`)
      return lines(golden) as readonly OutputLine[]
    },
  }
}

export interface Replay extends TestDriverOptions {
  /** Sends this many records between two batches. */
  readonly every: number
  /** Closes all windows at last. */
  readonly finish?: boolean
  /** Called after each batch: a place to crash. */
  readonly after?: (driver: TestDriver, batch: number) => Promise<void>
}

/** Feeds the input, a few records a batch, and returns all that `topics` got. */
export async function replay(
  topology: Topology,
  input: readonly InputLine[],
  topics: readonly string[],
  { every, after, finish = false, ...options }: Replay,
): Promise<readonly OutputLine[]> {
  const driver = await testDriver(topology, options)
  for (let sent = 0, batch = 0; sent < input.length; sent += every, batch++) {
    for (const { topic, ...record } of input.slice(sent, sent + every)) driver.send(topic, record)
    await driver.batch()
    await after?.(driver, batch)
  }
  await (finish ? driver.finish() : driver.drain())
  const output = topics.flatMap((topic) =>
    driver.read(topic).map(({ partition, key, value, timestamp }): OutputLine => ({ topic, partition, key, value, timestamp })),
  )
  await driver.stop()
  return output
}
