/**
 * `npm run bench`: throughput beside the least that is possible and beside stock kafkajs, latency, failover; on a sandbox of its own.
 * `npm run bench -- name…`: these alone; the letters of `sides.ts`, latency, failover, and what takes longer: recovery, restore, memory.
 * Options: --records n, --runs n, --seconds n (of latency), --times n (of failover and recovery), --keys n (of recovery, restore and memory),
 * --minutes n (of memory), --out folder.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startSandbox } from '../../service/sandbox/sandbox.ts'
import { measureFailover } from './failover.ts'
import { measureLatency } from './latency.ts'
import { measureMemory } from './memory.ts'
import { measureRecovery } from './recovery.ts'
import { reportOf, type Results } from './report.ts'
import { measureRestore } from './restore.ts'
import { loadAverage } from './statistics.ts'
import { sidesOf } from './sides.ts'
import { measureThroughput } from './throughput.ts'

const usual = ['a', 'b', 'c', 'm', 'd', 'e', 'f', 'y', 'w', 'latency', 'failover']
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
    times: { type: 'string', default: '3' },
    keys: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '10' },
    out: { type: 'string' },
  },
})

const progress = (line: string) => console.error(line)
const wanted = new Set(positionals.length > 0 ? positionals : usual)
const keys = Number(values.keys)
const [records, runs, times] = [Number(values.records), Number(values.runs), Number(values.times)]

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
    failover: wanted.has('failover') ? await measureFailover({ ...common, times }) : [],
    recovery: redisUrl !== null && wanted.has('recovery') ? await measureRecovery({ ...common, redisUrl, keys, times }) : [],
    restore: wanted.has('restore') ? await measureRestore({ ...common, redisUrl, keys }) : [],
    memory: wanted.has('memory') ? await measureMemory({ ...common, redisUrl, keys, minutes: Number(values.minutes) }) : [],
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
