/** The Kafka and Redis of a test: those of its environment, or else a sandbox of its own that ends with the test's process. */
import { missingForKafka } from '../../service/sandbox/artifacts.ts'
import { type Sandbox, startSandbox } from '../../service/sandbox/sandbox.ts'

const given = process.env['CAUDAL_TEST_KAFKA']?.split(',')

/** Why there is no Kafka for tests; false where there is one. */
export const noKafka: string | false = given ? false : (missingForKafka() ?? false)

export interface Servers {
  readonly brokers: readonly string[]
  /** Null where Kafka is there, and Redis is not. */
  readonly redisUrl: string | null
}

let starting: Promise<Sandbox> | undefined

/** Started at the first call; to be called where `noKafka` is false. */
export async function servers(): Promise<Servers> {
  starting ??= startSandbox({ kafkaBrokers: given, redisUrl: process.env['CAUDAL_TEST_REDIS'], progress: () => {} })
  const { kafkaBrokers: brokers, redisUrl } = await starting
  return { brokers, redisUrl }
}
