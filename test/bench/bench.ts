/**
 * `npm run bench`: throughput beside the least that is possible and beside stock kafkajs, latency, failover; on a sandbox of its own.
 * Options: --records n, --runs n, --only a,b,c,m,d,e,f,y,w,latency,failover, --seconds n (of latency), --times n (of failover), --out folder.
 * The letters are those of `sides.ts`.
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
import { sidesOf } from './sides.ts'
import { measureThroughput } from './throughput.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: 'a,b,c,m,d,e,f,y,w,latency,failover' },
    seconds: { type: 'string', default: '20' },
    times: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
})

const progress = (line: string) => console.error(line)
const wanted = new Set(values.only.split(','))
const [records, runs] = [Number(values.records), Number(values.runs)]

const sandbox = await startSandbox({ kind: 'processes', progress })
try {
  const { kafkaBrokers: brokers, redisUrl } = sandbox
  const sides = sidesOf(records).filter(({ letter }) => wanted.has(letter))
  const chosen = sides.filter(({ usesRedis }) => !usesRedis || redisUrl !== null)
  if (chosen.length < sides.length) progress('sides with state in Redis are left out: there is none')
  const common = { brokers, progress }
  const results: Results = {
    runs,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, load ${loadAverage().toFixed(1)} at the start`,
    sides: chosen.length > 0 ? await measureThroughput({ ...common, redisUrl, sides: chosen, runs }) : [],
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
