/** How busy the machine is, for time-outs that should mean the same on any. */
import { availableParallelism, loadavg } from 'node:os'

/** How many times as long as usual things take, with many processes for each core; 1 on an idle machine. */
export const slowness = (): number => Math.max(1, (loadavg()[0] ?? 0) / (2 * availableParallelism()))
