/** Runs Kafka's own command line tools. Of the service it takes only where the sandbox keeps the jars. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fetchKafka, fetchKafkaTools } from '../../service/sandbox/artifacts.ts'
import { toolConfig } from './kafka-login.ts'

const toolTimeoutMs = 300_000
const javaOptions = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, '../../service/sandbox/log4j2.properties')}`

/** Runs a class below `org.apache.kafka.tools` to its end. @throws Error with what it said when it fails */
export async function runTool(
  name: string,
  brokers: readonly string[],
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const fetching = { progress: () => {} }
  const libraries = [await fetchKafka(fetching), await fetchKafkaTools(fetching)]
    .map((directory) => join(directory, '*'))
    .join(':')
  const config = toolConfig()
  const login = config === null ? [] : ['--command-config', config]
  const main = `org.apache.kafka.tools.${name}`
  const child = spawn(
    'java',
    [...javaOptions, logging, '-cp', libraries, main, '--bootstrap-server', brokers.join(','), ...login, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.timeout(toolTimeoutMs),
    },
  )
  const [stdout, stderr, failure] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<string | null>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code) => resolve(code === 0 ? null : `exit code ${code}`))
    }),
  ])
  if (failure !== null) throw new Error(`${main} failed (${failure}):\n${stdout}\n${stderr}`)
  return { stdout, stderr }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
