/** A schema registry in this process, which speaks as much of Confluent's protocol as a reader and a writer need. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeSchema {
  readonly schemaType?: 'AVRO' | 'JSON' | 'PROTOBUF'
  readonly schema: string
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
}

interface Answer {
  readonly status: number
  readonly body: object
}

const missing = (code: number, message: string): Answer => ({ status: 404, body: { error_code: code, message } })

export class FakeRegistry {
  /** By id, from 1. */
  readonly #schemas: FakeSchema[] = []
  readonly #subjects = new Map<string, number[]>()
  #server: Server | null = null
  #port = 0
  /** Paths that were asked for, in order. */
  readonly asked: string[] = []
  /** What every request is answered with, where it is not null. */
  refusal: number | null = null

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry()
    await registry.open()
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Returns the id of the schema, which is the newest version of the subject from now on. */
  register(subject: string, schema: FakeSchema): number {
    const id = this.#schemas.push(schema)
    this.#subjects.set(subject, [...(this.#subjects.get(subject) ?? []), id])
    return id
  }

  /** Listens again, on the same port. */
  async open(): Promise<void> {
    const server = createServer((request, response) => {
      const { status, body } = this.#answer(request)
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
    })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  /** Connections are refused from now on. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage): Answer {
    const [url = ''] = request.url?.split('?') ?? []
    this.asked.push(url)
    if (this.refusal !== null) return { status: this.refusal, body: { error_code: this.refusal, message: 'refused' } }
    const [, kind, name = '', , version = ''] = url.split('/').map(decodeURIComponent)
    if (kind === 'schemas') {
      const id = Number(url.split('/').at(-1))
      const schema = this.#schemas[id - 1]
      return schema === undefined ? missing(40403, 'Schema not found') : { status: 200, body: schema }
    }
    const ids = this.#subjects.get(name)
    if (kind !== 'subjects' || ids === undefined) return missing(40401, 'Subject not found')
    const number = version === 'latest' ? ids.length : Number(version)
    const id = ids[number - 1]
    const schema = id === undefined ? undefined : this.#schemas[id - 1]
    return schema === undefined
      ? missing(40402, 'Version not found')
      : { status: 200, body: { subject: name, version: number, id, ...schema } }
  }
}
