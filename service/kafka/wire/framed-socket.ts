/** A TCP socket that hands out whole messages of the Kafka protocol, each copied once, out of one buffer that all reads go through. */
import { connect, type Socket } from 'node:net'

/** What a connection reads at most in one go; of less the system calls would show, of more nothing comes. */
const readBytesMax = 256 * 1024
const keepAliveDelayMs = 60_000

/** Each `data` event carries one message, the four bytes of its length in front. An error where the other side sends none. */
export function framedSocket({ host, port }: { readonly host: string; readonly port: number }, onConnect: () => void): Socket {
  const frames = new FrameReader((frame) => void socket.emit('data', frame))
  const read = (length: number, buffer: Uint8Array): boolean => {
    try {
      frames.push(buffer as Buffer, length)
    } catch (error) {
      socket.destroy(error as Error)
    }
    return true
  }
  const socket = connect({ host, port, onread: { buffer: Buffer.allocUnsafeSlow(readBytesMax), callback: read } }, onConnect)
  socket.setKeepAlive(true, keepAliveDelayMs)
  return socket
}

const lengthBytes = 4
/** More than any answer: what claims to be longer speaks another protocol. */
const frameBytesMax = 2 ** 30
/** The correlation id: no message is shorter. */
const frameBytesMin = 4
/** More than most answers: beyond that a length is believed by as much as has arrived. */
const believedBytes = 2 ** 26

/** Puts messages together from the pieces in which they arrive. */
export class FrameReader {
  readonly #deliver: (frame: Buffer) => void
  readonly #length = Buffer.alloc(lengthBytes)
  /** The message that is being read, as far as there is room for it yet; null while its length is. */
  #frame: Buffer | null = null
  #frameBytes = 0
  #filled = 0

  constructor(deliver: (frame: Buffer) => void) {
    this.#deliver = deliver
  }

  /** Takes the first `length` bytes of `piece`, which may be written over afterwards. @throws Error for what is no message */
  push(piece: Buffer, length: number): void {
    for (let at = 0; at < length; ) {
      const target = this.#frame ?? this.#length
      const taken = Math.min(target.length - this.#filled, length - at)
      piece.copy(target, this.#filled, at, at + taken)
      this.#filled += taken
      at += taken
      if (this.#filled === target.length) this.#filledUp()
    }
  }

  #filledUp(): void {
    const frame = this.#frame
    if (frame === null) return this.#begin()
    if (frame.length < this.#frameBytes) return this.#makeRoom(frame)
    this.#frame = null
    this.#filled = 0
    this.#deliver(frame)
  }

  #begin(): void {
    const length = this.#length.readInt32BE()
    if (length < frameBytesMin || length > frameBytesMax) {
      throw new Error(`it answers with a message of ${length} bytes: is it a Kafka broker, and is its port without TLS?`)
    }
    this.#frameBytes = lengthBytes + length
    this.#frame = Buffer.allocUnsafe(Math.min(this.#frameBytes, believedBytes))
    this.#length.copy(this.#frame)
  }

  #makeRoom(frame: Buffer): void {
    this.#frame = Buffer.allocUnsafe(Math.min(this.#frameBytes, 2 * frame.length))
    frame.copy(this.#frame)
  }
}
