/** Both ends of a proxy in a unit test: a server that answers as it is told, and a client that reads what comes. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { until } from '../../../support/processes.ts'

/** A server that keeps what it gets, and writes what a function of each connection makes of it. */
export class ScriptedServer {
  readonly address: string
  readonly sockets: Socket[] = []
  #received: Buffer[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.address = `127.0.0.1:${(server.address() as { readonly port: number }).port}`
  }

  static async start(open: () => (piece: Buffer) => Buffer | null): Promise<ScriptedServer> {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const scripted = new ScriptedServer(server)
    server.on('connection', (socket) => {
      const answer = open()
      scripted.sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (piece) => {
        scripted.#received.push(piece)
        const bytes = answer(piece)
        if (bytes !== null) socket.write(bytes)
      })
    })
    return scripted
  }

  /** Everything, of all connections. */
  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export class ByteClient {
  readonly socket: Socket
  /** The pieces in which bytes came. */
  readonly pieces: Buffer[] = []
  ending: 'open' | 'ended' | 'reset' = 'open'

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (piece) => this.pieces.push(piece))
    socket.on('error', () => {
      this.ending = 'reset'
    })
    socket.on('end', () => {
      this.ending = 'ended'
    })
  }

  static async connect(address: string): Promise<ByteClient> {
    const [host = '', port] = address.split(':')
    const socket = connect({ host, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    return new ByteClient(socket)
  }

  get received(): Buffer {
    return Buffer.concat(this.pieces)
  }

  /** Waits until as many bytes have come. */
  async receives(bytes: number): Promise<Buffer> {
    await until(() => this.received.length >= bytes, `${bytes} bytes have come, instead of ${this.received.length}`)
    return this.received
  }

  close(): void {
    this.socket.destroy()
  }
}
