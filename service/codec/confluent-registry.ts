/** A schema registry that speaks Confluent's protocol, by the client of kafkajs. */
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import resolver from '@kafkajs/confluent-schema-registry/dist/schemaTypeResolver.js'
import { FatalError, RegistryUnavailableError } from '../errors.ts'
import { type AvroType, avroSchema, jsonSchema, type ProtobufType, protobufSchema, type Validated } from './payloads.ts'
import type { RegistryAddress } from './prepared.ts'
import type { RegisteredSchema, RegistryClient } from './registry-client.ts'

const timeoutMs = 2_000

type Connection = ConstructorParameters<typeof SchemaRegistry>[0]
type Middleware = NonNullable<Connection['middlewares']>[number]

/** Formats that the validator does not know are no reason to refuse a schema that others read. */
const schemaOptions = { [SchemaType.JSON]: { strict: false, logger: false } } as const

export function openConfluentRegistry({ url, username, password }: RegistryAddress): RegistryClient {
  const answers = new Map<string, string>()
  const connection: Connection = {
    host: url,
    clientId: 'caudal',
    // The worker asks again, as long as it may.
    retry: { retries: 0 },
    middlewares: [withTimeout, remembering(answers)],
    ...(username === null || password === null ? {} : { auth: { username, password } }),
  }
  const registry = new SchemaRegistry(connection, schemaOptions)
  /** The client takes the first thing in a .proto file for a message, which an enum or a service is not: then it is told one. */
  const byFirstMessage = async (id: number, error: unknown): Promise<unknown> => {
    const text = answers.get(`/schemas/ids/${id}`)
    const messageName = text === undefined ? undefined : firstMessageIn(text)
    if (messageName === undefined || !/no such type/i.test(String(error))) throw error
    return new SchemaRegistry(connection, { ...schemaOptions, [SchemaType.PROTOBUF]: { messageName } }).getSchema(id)
  }
  return {
    schema: async (id) => {
      try {
        return registeredSchema(await registry.getSchema(id).catch((error: unknown) => byFirstMessage(id, error)))
      } catch (error) {
        return absent(error, url)
      } finally {
        answers.clear()
      }
    },
    latestId: async (subject) => {
      try {
        return await registry.getLatestSchemaId(subject)
      } catch (error) {
        return absent(error, url)
      }
    },
  }
}

function registeredSchema(schema: unknown): RegisteredSchema {
  const parsed = schema as Partial<AvroType & { readonly message: ProtobufType } & Validated>
  if (parsed.message !== undefined) return protobufSchema(parsed.message)
  if (parsed.createResolver !== undefined) return avroSchema(parsed as AvroType, readerTypeOf)
  return jsonSchema(parsed as Validated)
}

/** @throws TypeError where it is no schema */
function readerTypeOf(schema: object): AvroType {
  try {
    const made: unknown = resolver.schemaFromConfluentSchema({ type: SchemaType.AVRO, schema: JSON.stringify(schema) })
    return made as AvroType
  } catch (error) {
    throw new TypeError(`The readerSchema is not one of Avro: ${(error as Error).message}`, { cause: error })
  }
}

/** Null for what the registry does not have. Of a connection that failed the client says that its status is 400. */
function absent(error: unknown, url: string): null {
  const { status, message } = error as { readonly status?: number; readonly message: string }
  if (status === undefined) throw new TypeError(message, { cause: error })
  // A registry says what it does not have; a server that is something else, or a wrong path, only that there is nothing.
  if (status === 404 && !message.includes('Error, status 404')) return null
  if (status === 401 || status === 403)
    throw new FatalError(
      `The schema registry at ${url} refuses access (HTTP ${status}): correct schemaRegistry.username and schemaRegistry.password.`,
      { fields: { status } },
    )
  throw new RegistryUnavailableError(`the schema registry at ${url} did not answer as one: ${message}`, {
    cause: error,
    fields: { status },
  })
}

const withTimeout: Middleware = () => ({
  prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
})

/** Keeps the texts of answers, by the path that was asked for. */
const remembering =
  (answers: Map<string, string>): Middleware =>
  () => ({
    response: async (next) => {
      const response = await next()
      const path = response.request().path()
      const { schema, schemaType } = response.data<{ readonly schema?: string; readonly schemaType?: string }>()
      if (schemaType === 'PROTOBUF' && schema !== undefined) answers.set(path, schema)
      return response
    },
  })

/** Nested ones come later than the one that they are nested in. */
const firstMessageIn = (proto: string): string | undefined =>
  /\bmessage\s+([A-Za-z_]\w*)\s*\{/.exec(proto.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/"(?:[^"\\]|\\.)*"/g, '""'))?.[1]
