/** One side of the comparison, in a process of its own: opens once, then takes one run after the other from its parent. */
import { systemClock } from '../../service/clock.ts'
import type { Ends } from './bench-cluster.ts'
import { openFetchSide } from './fetch-side.ts'
import { openKafkajsCount, openKafkajsPass } from './kafka-twins.ts'
import type { FromSide, Side, SideKind, SideOptions, SideRun, ToSide } from './side.ts'
import { openTopologySide } from './topology-side.ts'

const open = {
  decode: (options: SideOptions) => openFetchSide(options, 'decode'),
  parse: (options: SideOptions) => openFetchSide(options, 'parse'),
  topology: (options: SideOptions) => openTopologySide(options, 'topologies.ts'),
  windows: (options: SideOptions) => openTopologySide(options, 'window-topologies.ts'),
  kafkajsCount: openKafkajsCount,
  kafkajsPass: openKafkajsPass,
} satisfies Record<SideKind, (options: SideOptions) => Promise<Side>>

/** What goes on behind the last commit, such as writes to Redis, is counted too. */
const settleMs = 200

async function measure(side: Side, ends: Ends, armed: () => void): Promise<SideRun> {
  const cpu = process.cpuUsage()
  const start = systemClock.monotonic()
  armed()
  await side.finish(ends)
  const seconds = (systemClock.monotonic() - start) / 1000
  await systemClock.sleep(settleMs)
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpuSeconds: (user + system) / 1e6, peakBytes: process.resourceUsage().maxRSS * 1024 }
}

async function serve(kind: SideKind, options: SideOptions): Promise<void> {
  const post = (message: FromSide) => process.send?.(message)
  const side = await open[kind](options)
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message: ToSide) => {
    if (message.kind === 'close') return void side.close().then(() => process.exit(0))
    measure(side, message.ends, () => post({ kind: 'armed' })).then(
      (run) => post({ kind: 'done', run }),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  post({ kind: 'open' })
}

const [, , kind, options] = process.argv
await serve(kind as SideKind, JSON.parse(options ?? '{}') as SideOptions)
