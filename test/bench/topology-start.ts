/** Starts a topology of this folder as it runs in production: a supervisor, one worker in its thread, exactly-once. */
import { defaultConfiguration } from '../../service/config.ts'
import type { RunningSupervisor } from '../../service/runtime/running.ts'
import { startSupervisor } from '../../service/start-supervisor.ts'
import { silent } from './bench-cluster.ts'

export interface TopologyStart {
  readonly brokers: readonly string[]
  /** Null: state is in memory. */
  readonly redisUrl: string | null
  /** Application id, and by `exportOf` the name of the topology. */
  readonly application: string
  /** In this folder. */
  readonly file: string
}

/** `count-many` is exported as `countMany`. */
export const exportOf = (application: string): string =>
  application.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** `failed` rejects when the topology ends, stopped or not; whoever does not wait for it need not catch that. */
export async function startTopology({
  brokers,
  redisUrl,
  application,
  file,
}: TopologyStart): Promise<{ readonly supervisor: RunningSupervisor; readonly failed: Promise<never> }> {
  const { kafka, redis } = defaultConfiguration
  const configuration = {
    ...defaultConfiguration,
    applicationId: application,
    kafka: { ...kafka, brokers },
    redis: { ...redis, url: redisUrl },
    logLevel: 'error' as const,
  }
  const topologyUrl = new URL(file, import.meta.url)
  const supervisor = await startSupervisor({ configuration, topologyUrl, exportName: exportOf(application), log: silent })
  const failed = supervisor.outcome.then(({ error }) => {
    throw error ?? new Error('the topology has stopped')
  })
  failed.catch(() => {})
  return { supervisor, failed }
}
