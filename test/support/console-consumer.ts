/**
 * An independent witness: reads topics and offsets with Kafka's own command line tools, so that what caudal wrote is judged by code that
 * shares nothing with it.
 */
import { runTool } from './kafka-tool.ts'
import { slowness } from './slowness.ts'

/** One committed record; keys and values as UTF-8 text, headers as the tool prints them (`name:value,…`, or `NO_HEADERS`). */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: string
  readonly key: string | null
  readonly value: string | null
}

export interface ReadOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  /** Reading ends when nothing came for so long; longer on a machine that has more to do than it can. Default 5 000. */
  readonly idleTimeoutMs?: number
  /** Reading also ends after so many records. */
  readonly expectedCount?: number
  /** Reads as a member of this group, which commits how far it came: with `groupOffsets` that is the end of read_committed. */
  readonly group?: string
  /** Further settings of the consumer. */
  readonly properties?: Readonly<Record<string, string>>
  /** Further settings of the formatter, such as `key.deserializer`. */
  readonly formatter?: Readonly<Record<string, string>>
}

export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** Null where the group has committed nothing. */
  readonly committed: number | null
  /** The end of the partition, whatever is committed. */
  readonly end: number
}

// Control characters that no test writes into a record; a line break may well be in one.
const fieldSeparator = '\x1f'
const recordSeparator = '\x1e'
const nullText = '\x1dnull'

/** All records of the topic that a read_committed reader sees from its beginning, by partition and offset. */
export async function readCommitted({ brokers, topic, group, ...options }: ReadOptions): Promise<readonly ReadRecord[]> {
  const shown = ['timestamp', 'partition', 'offset', 'headers', 'key', 'value'].map((field) => `print.${field}=true`)
  const formats = [...shown, `key.separator=${fieldSeparator}`, `line.separator=${recordSeparator}`, `null.literal=${nullText}`]
  const { stdout, stderr } = await runTool('consumer.ConsoleConsumer', brokers, [
    '--from-beginning',
    ...pairs('--topic', [topic]),
    ...pairs('--isolation-level', ['read_committed']),
    ...pairs('--timeout-ms', [`${Math.round((options.idleTimeoutMs ?? 5_000) * slowness())}`]),
    ...pairs('--max-messages', options.expectedCount === undefined ? [] : [`${options.expectedCount}`]),
    ...pairs('--group', group === undefined ? [] : [group]),
    ...pairs(
      '--command-property',
      Object.entries(options.properties ?? {}).map(([name, value]) => `${name}=${value}`),
    ),
    ...pairs('--formatter-property', [
      ...formats,
      ...Object.entries(options.formatter ?? {}).map(([name, value]) => `${name}=${value}`),
    ]),
  ])
  const records = stdout.split(recordSeparator).slice(0, -1).map(parseRecord)
  // The tool exits with 0 after most failures; its own count tells whether it came to its end.
  const count = /Processed a total of (\d+) messages/.exec(stderr)?.[1]
  if (Number(count) !== records.length)
    throw new Error(`the console consumer counts ${count} records, and printed ${records.length}:\n${stderr}`)
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

/** The option, once with each value. */
const pairs = (option: string, values: readonly string[]) => values.flatMap((value) => [option, value])

function parseRecord(text: string): ReadRecord {
  const [time, partition, offset, headers, key, value, ...rest] = text.split(fieldSeparator)
  if (time === undefined || value === undefined || rest.length > 0)
    throw new Error(`not a record as the console consumer prints it: ${JSON.stringify(text)}`)
  return {
    partition: numberAfter('Partition', partition),
    offset: numberAfter('Offset', offset),
    timestamp: numberAfter('CreateTime', time),
    headers: headers ?? '',
    key: key === undefined || key === nullText ? null : key,
    value: value === nullText ? null : value,
  }
}

function numberAfter(name: string, field: string | undefined): number {
  const [label, digits] = (field ?? '').split(':')
  if (label !== name || digits === undefined) throw new Error(`expected ${name}:<number>, got ${JSON.stringify(field)}`)
  return Number(digits)
}

/** The end offsets of all partitions of these topics, open transactions included. */
export async function endOffsets(brokers: readonly string[], topics: readonly string[]): Promise<readonly PartitionOffset[]> {
  const pattern = topics.map((topic) => topic.replaceAll('.', '\\.')).join('|')
  const { stdout } = await runTool('GetOffsetShell', brokers, ['--topic', pattern, '--time', 'latest'])
  return [...stdout.matchAll(/^(\S+):(\d+):(\d+)$/gm)].map(([, topic = '', partition, offset]) => ({
    topic,
    partition: Number(partition),
    offset: Number(offset),
  }))
}

/** What the groups have committed, of every partition that they have committed or that is assigned to them. */
export async function groupOffsets(brokers: readonly string[], ...groups: readonly string[]): Promise<readonly GroupOffset[]> {
  const options = ['--describe', '--offsets', ...pairs('--group', groups)]
  const { stdout } = await runTool('consumer.group.ConsumerGroupCommand', brokers, options)
  return [...stdout.matchAll(/^(\S+) +(\S+) +(\d+) +(\d+|-) +(\d+) /gm)].map(([, , topic = '', partition, committed, end]) => ({
    topic,
    partition: Number(partition),
    committed: committed === '-' ? null : Number(committed),
    end: Number(end),
  }))
}

/** How many records the transaction coordinator has written about one transactional id: several for each transaction. */
export async function transactionLogRecords(brokers: readonly string[], transactionalId: string): Promise<number> {
  const { stdout } = await runTool('consumer.ConsoleConsumer', brokers, [
    '--from-beginning',
    ...pairs('--topic', ['__transaction_state']),
    ...pairs('--formatter', ['org.apache.kafka.tools.consumer.TransactionLogMessageFormatter']),
    ...pairs('--timeout-ms', [`${Math.round(5_000 * slowness())}`]),
  ])
  // One JSON text after the other, without anything between them.
  return stdout.split(`{"transactionalId":"${transactionalId}"}`).length - 1
}
