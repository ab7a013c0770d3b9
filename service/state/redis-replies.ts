/** Replies that nobody asked for: ioredis would give what follows to the wrong calls, and where such a reply is null it ends the process. */
import { Command, type Redis } from 'ioredis'

/** Ends a connection on which one comes; the client opens another. */
export function endOnStrayReplies(client: Redis): void {
  client.on('connect', () => {
    const { commandQueue, stream } = client
    const shift = commandQueue.shift.bind(commandQueue)
    let isEnded = false
    commandQueue.shift = () => {
      const item = shift()
      // Whoever empties the queue takes until there is nothing: so only once.
      if (item !== undefined || isEnded) return item
      isEnded = true
      stream.destroy(new Error('Redis sent a reply that nobody asked for'))
      const command = new Command('nothing')
      command.promise.catch(() => {}) // Nobody waits for it.
      return { command, stream, select: 0 }
    }
  })
}
