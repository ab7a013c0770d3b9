/** Picks ports for local servers. */
import { createServer } from 'node:net'
import type { Clock } from '../clock.ts'

const lowest = 15_000
const highest = 32_000
const triesMax = 200

/**
 * `count` different ports that nobody listens on now, below the range from which systems take the ports of outgoing connections: a server that
 * was killed finds its port free when it starts again. Two sandboxes may still draw the same one; the loser starts again with others.
 */
export async function freePorts(count: number, clock: Clock): Promise<readonly number[]> {
  const found = new Set<number>()
  for (let tries = 0; tries < triesMax && found.size < count; tries++) {
    const port = lowest + Math.floor(clock.random() * (highest - lowest))
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  if (found.size < count) throw new RangeError(`found no ${count} free ports from ${lowest} to ${highest}`)
  return [...found]
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
