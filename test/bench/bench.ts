/**
 * `npm run bench`: throughput beside the least that is possible and beside stock kafkajs, latency, failover; on a sandbox of its own.
 * Options: --records n, --runs n, --only a,b,c,m,d,e,f,latency,failover, --seconds n (of latency), --times n (of failover), --out folder.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startSandbox } from '../../service/sandbox/sandbox.ts'
import { measureFailover } from './failover.ts'
import { measureLatency } from './latency.ts'
import { reportOf, type Results } from './report.ts'
import { loadAverage } from './statistics.ts'
import { measureThroughput, type SideSpec } from './throughput.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: 'a,b,c,m,d,e,f,latency,failover' },
    seconds: { type: 'string', default: '20' },
    times: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
})

/** In the order in which they run, beside the letter that asks for them. */
const sides: readonly (SideSpec & { readonly letter: string })[] = [
  { letter: 'a', kind: 'decode', topic: 'decode', keys: 1_000 },
  { letter: 'b', kind: 'parse', topic: 'parse', keys: 1_000 },
  { letter: 'c', kind: 'count', topic: 'count', keys: 1_000 },
  { letter: 'm', kind: 'countMany', topic: 'count-many', keys: 1_000_000 },
  { letter: 'd', kind: 'countRedis', topic: 'count-redis', keys: 1_000 },
  { letter: 'e', kind: 'pass', topic: 'pass', keys: 1_000 },
  { letter: 'f', kind: 'kafkajsCount', topic: 'kafkajs-count', keys: 1_000 },
  { letter: 'f', kind: 'kafkajsPass', topic: 'kafkajs-pass', keys: 1_000 },
]

const progress = (line: string) => console.error(line)
const wanted = new Set(values.only.split(','))
const [records, runs] = [Number(values.records), Number(values.runs)]

const sandbox = await startSandbox({ kind: 'processes', progress })
try {
  const { kafkaBrokers: brokers, redisUrl } = sandbox
  if (redisUrl === null && wanted.delete('d')) progress('(d) is left out: there is no Redis')
  const chosen = sides.filter(({ letter }) => wanted.has(letter))
  const common = { brokers, progress }
  const results: Results = {
    records,
    runs,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, load ${loadAverage().toFixed(1)} at the start`,
    sides: chosen.length > 0 ? await measureThroughput({ ...common, redisUrl, sides: chosen, records, runs }) : [],
    latency: wanted.has('latency') ? await measureLatency({ ...common, seconds: Number(values.seconds) }) : [],
    failover: wanted.has('failover') ? await measureFailover({ ...common, times: Number(values.times) }) : [],
  }
  const report = reportOf(results)
  if (values.out !== undefined) {
    mkdirSync(values.out, { recursive: true })
    writeFileSync(join(values.out, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`)
    writeFileSync(join(values.out, 'bench.txt'), report)
  }
  process.stdout.write(`\n${report}`)
} finally {
  await sandbox.stop()
}
