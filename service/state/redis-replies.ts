/** Replies that nobody asked for: ioredis would give what follows to the wrong calls, and where such a reply is null it ends the process. */
import { Command, type Redis } from 'ioredis'

/** Ends a connection on which one comes; the client opens another. */
export function endOnStrayReplies(client: Redis): void {
  client.on('connect', () => {
    const { commandQueue, stream } = client
    const shift = commandQueue.shift.bind(commandQueue)
    // Whoever empties the queue takes until there is nothing: so calls are made up for replies alone, of which a piece holds one a byte at most.
    let repliesLeft = 0
    stream.prependListener('data', (piece: Buffer) => {
      repliesLeft = piece.length
    })
    stream.on('data', () => {
      repliesLeft = 0
    })
    commandQueue.shift = () => {
      const item = shift()
      if (item !== undefined || repliesLeft === 0) return item
      repliesLeft -= 1
      stream.destroy(new Error('Redis sent a reply that nobody asked for'))
      const command = new Command('nothing')
      command.promise.catch(() => {}) // Nobody waits for it.
      return { command, stream, select: 0 }
    }
  })
}
