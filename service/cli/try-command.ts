/** `caudal try <file> --input records.jsonl`: what a topology makes of a few records, without a broker. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CaudalError, ConfigurationError, FatalError } from '../errors.ts'
import type { TestDriver } from '../runtime/test-driver.ts'
import { graphOf } from '../topology/graph.ts'
import type { SourceNode, TopologyDefinition } from '../topology/node.ts'
import type { Command, CommandArguments } from './command.ts'
import { keepDefects, type LoadedTopology, loadTopology } from './invocation.ts'
import { jsonText } from './json-values.ts'
import type { Parts } from './parts.ts'
import { type RecordLine, readRecordLines, type SourceCodecs } from './record-lines.ts'
import { topicsOf } from './topology-topics.ts'

export const tryCommand: Command = {
  name: 'try',
  operand: '<file> --input <records.jsonl>',
  summary: 'Runs the topology of a file in memory, on records of a file, and prints what comes out.',
  details: [
    'The input has a record a line, {"topic": "…", "key": …, "value": …, "timestamp": …, "partition": …, "headers": {…}}, of which',
    'only the value must be there; the topic where the topology reads several. Bytes are a text or {"base64": "…"}.',
    'When all is read every window closes. What was written to output topics is printed in the same form, by topic and',
    'partition; the same input prints the same. Rows of print() are no records, and not shown. Nothing is connected to.',
  ],
  options: ['input', 'partitions', 'batch', 'now', 'export'],
  configurable: false,
  run: async (line, parts) => {
    const { definition, topology, text, name } = await prepare(line, parts)
    const partitions = line.partitions ?? 1
    const { records, defects } = readRecordLines(text, { sources: sourcesOf(definition), partitions })
    refuse(defects.map((defect) => `${name}:${defect}`))
    const driver = await parts.openTestDriver(topology, {
      partitions,
      ...(line.batch === undefined ? {} : { batchRecordsMax: line.batch }),
      ...(line.now === undefined ? {} : { now: line.now }),
    })
    const topics = topicsOf(definition, definition.name).sinks
    send(driver, records, name)
    await driver.finish()
    const output = topics.flatMap((topic) => outputLines(driver, topic))
    await driver.stop()
    await parts.deliver(output.join(''))
    return 0
  },
}

interface Prepared extends LoadedTopology {
  readonly text: string
  /** Of the input, in messages. */
  readonly name: string
}

/** @throws ConfigurationError with every defect of the words, the topology and the file of the input */
async function prepare(line: CommandArguments, parts: Parts): Promise<Prepared> {
  const defects = [...line.defects]
  if (line.input === undefined && defects.length === 0)
    defects.push('--input is needed: a file of records, or - for standard input')
  const loaded = await loadTopology(line, parts).catch((error: unknown) => keepDefects(defects, error))
  const name = line.input === '-' ? 'standard input' : (line.input ?? '')
  // Nobody should have to end standard input before being told of the rest.
  const isRead = line.input !== undefined && (line.input !== '-' || defects.length === 0)
  const text = isRead ? await read(line.input, parts).catch((error: unknown) => keepDefects(defects, error)) : undefined
  if (loaded === undefined || text === undefined || defects.length > 0) throw new ConfigurationError(defects)
  return { ...loaded, text, name }
}

/** @throws ConfigurationError for a file that cannot be read */
async function read(input: string, parts: Parts): Promise<string> {
  if (input === '-') return parts.readStandardInput()
  try {
    return readFileSync(resolve(parts.directory, input), 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new ConfigurationError([code === 'ENOENT' ? `${input}: no such file` : `${input}: cannot be read: ${message}`])
  }
}

function sourcesOf(definition: TopologyDefinition): ReadonlyMap<string, SourceCodecs> {
  const sources = graphOf(definition).nodes.filter((node): node is SourceNode => node.kind === 'source')
  return new Map(
    sources.flatMap((source) => source.topics.flatMap(({ name }) => (name === undefined ? [] : [[name, source] as const]))),
  )
}

/** @throws ConfigurationError with every line that a broker would refuse */
function send(driver: TestDriver, records: readonly RecordLine[], name: string): void {
  const defects: string[] = []
  for (const { line, topic, record } of records) {
    try {
      driver.sendBytes(topic, record)
    } catch (error) {
      defects.push(`${name}:${line}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  refuse(defects)
}

function refuse(defects: readonly string[]): void {
  if (defects.length > 0) throw new ConfigurationError(defects)
}

/** @throws FatalError for a record that the codec of its topic cannot read */
function outputLines(driver: TestDriver, topic: string): readonly string[] {
  try {
    return driver.read(topic).map(({ partition, key, value, timestamp, headers }) => {
      const own = Object.keys(headers).length === 0 ? {} : { headers }
      return `${jsonText({ topic, partition, key, value, timestamp, ...own })}\n`
    })
  } catch (error) {
    if (error instanceof CaudalError) throw error
    throw new FatalError(`topic ${topic}: what was written there cannot be read with the codec of its sink: ${String(error)}`, {
      cause: error,
    })
  }
}
