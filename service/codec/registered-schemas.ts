/** The schemas of one registry as far as they are known: kept for ever, as an id never changes its meaning. */
import { FatalError, RegistryUnavailableError } from '../errors.ts'
import type { Preparation, RegistryAddress } from './prepared.ts'
import type { RegisteredSchema, RegistryClient } from './registry-client.ts'

/** How long an id that the registry does not know is not asked for again. */
const unknownForMs = 30_000
/** The same for an id that it was asked for in vain, where records are not to wait. */
const awayForMs = 5_000
const requestsMax = 8

export interface RegistryOptions {
  readonly address: RegistryAddress | undefined
  /** What becomes of records whose schema is unknown while the registry is away. */
  readonly onUnavailable: 'wait' | 'invalid'
}

interface Absence {
  readonly reason: string
  /** Monotonic, ms. */
  readonly until: number
}

export class RegisteredSchemas {
  readonly #options: RegistryOptions
  readonly #known = new Map<number, RegisteredSchema>()
  readonly #absent = new Map<number, Absence>()
  readonly #wanted = new Set<number>()
  readonly #latest = new Map<string, number>()
  /** A value did not fit the newest schema that is known: there may be a newer one. */
  readonly #stale = new Set<string>()
  #client: RegistryClient | undefined

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  known(id: number): RegisteredSchema | undefined {
    return this.#known.get(id)
  }

  /** Why there is no schema for an id, where that was found out. */
  absence(id: number): string | undefined {
    return this.#absent.get(id)?.reason
  }

  /** The next preparation fetches it. */
  want(id: number): void {
    if (!this.#known.has(id)) this.#wanted.add(id)
  }

  /** The id of the newest schema of a subject, once it was prepared. */
  latest(subject: string): number | undefined {
    return this.#latest.get(subject)
  }

  /** The next preparation asks whether the subject has a newer schema. */
  doubt(subject: string): void {
    this.#stale.add(subject)
  }

  /** Fetches the schemas that are wanted. @throws as PreparedCodec.prepare */
  fetchWanted(preparation: Preparation): Promise<void> | undefined {
    for (const id of this.#wanted) {
      if (this.#known.has(id) || (this.#absent.get(id)?.until ?? Number.NEGATIVE_INFINITY) > preparation.now)
        this.#wanted.delete(id)
    }
    return this.#wanted.size === 0 ? undefined : this.#fetch([...this.#wanted], preparation)
  }

  /** Finds the newest schemas of subjects. @throws as PreparedCodec.prepare; FatalError for a subject that has none */
  fetchLatest(subjects: readonly string[], preparation: Preparation): Promise<void> | undefined {
    const missing = subjects.filter((subject) => !this.#latest.has(subject) || this.#stale.has(subject))
    return missing.length === 0 ? undefined : this.#find(missing, preparation)
  }

  async #fetch(ids: readonly number[], preparation: Preparation): Promise<void> {
    const client = await this.#open(preparation)
    for (let next = 0; next < ids.length; next += requestsMax) {
      const answers = await Promise.allSettled(
        ids.slice(next, next + requestsMax).map((id) => this.#ask(client, id, preparation.now)),
      )
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
    }
  }

  async #ask(client: RegistryClient, id: number, now: number): Promise<void> {
    const absent = (reason: string, forMs: number) => this.#absent.set(id, { reason, until: now + forMs })
    try {
      const schema = await client.schema(id)
      if (schema === null) absent(`The schema registry knows of no schema ${id}.`, unknownForMs)
      else this.#learn(id, schema)
    } catch (error) {
      if (error instanceof TypeError) absent(`Schema ${id} of the registry cannot be read: ${error.message}`, unknownForMs)
      else if (error instanceof RegistryUnavailableError && this.#options.onUnavailable === 'invalid')
        absent(`Schema ${id} is not known here, and the registry is away: ${error.message}`, awayForMs)
      else throw error
    }
    this.#wanted.delete(id)
  }

  #learn(id: number, schema: RegisteredSchema): void {
    this.#known.set(id, schema)
    this.#absent.delete(id)
  }

  async #find(subjects: readonly string[], preparation: Preparation): Promise<void> {
    const client = await this.#open(preparation)
    for (const subject of subjects) {
      try {
        const id = await client.latestId(subject)
        if (id === null) throw noSchema(subject)
        const schema = this.#known.get(id) ?? (await client.schema(id))
        if (schema === null) throw noSchema(subject)
        this.#learn(id, schema)
        this.#latest.set(subject, id)
      } catch (error) {
        if (error instanceof TypeError)
          throw new FatalError(`The newest schema of subject ${subject} cannot be read: ${error.message}`)
        // What is known goes on while the registry is away.
        if (!(error instanceof RegistryUnavailableError && this.#latest.has(subject))) throw error
      }
      this.#stale.delete(subject)
    }
  }

  async #open({ registry }: Preparation): Promise<RegistryClient> {
    if (this.#client !== undefined) return this.#client
    const address = this.#options.address ?? registry
    if (address === null) throw noRegistry()
    // Loaded where there is a registry only: the library brings three parsers with it.
    const { openConfluentRegistry } = await import('./confluent-registry.ts')
    this.#client ??= openConfluentRegistry(address)
    return this.#client
  }
}

const noSchema = (subject: string) =>
  new FatalError(`The schema registry has no schema for subject ${subject}: register one, or correct the subject of the codec.`, {
    fields: { subject },
  })

const noRegistry = () =>
  new FatalError(
    'A codec needs a schema registry, and none is configured: set schemaRegistry.url (CAUDAL_SCHEMA_REGISTRY_URL), or give schemaRegistry() a url.',
  )
