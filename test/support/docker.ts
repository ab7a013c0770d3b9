/** Docker and compose as tests call them, and why they can't where they can't. */
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaVersion } from '../../service/sandbox/artifacts.ts'

/** The repository, where the Dockerfile and the compose file stand. */
export const root = join(import.meta.dirname, '..', '..')
export const images = { node: 'node:24-slim', kafka: `apache/kafka:${kafkaVersion}`, redis: 'redis:7' } as const

const answers = (command: string, ...args: readonly string[]) => spawnSync(command, args, { timeout: 20_000 }).status === 0
const run = promisify(execFile)

/** The plugin, or the program that came before it; null where there is neither. */
const composeCommand: readonly string[] | null = answers('docker', 'compose', 'version')
  ? ['docker', 'compose']
  : answers('docker-compose', 'version')
    ? ['docker-compose']
    : null

/** Why containers can't be tested here; false where they can. What is not on this machine is not pulled. */
export const noDocker: string | false = reason()

function reason(): string | false {
  if (!answers('docker', 'version')) return 'no Docker engine answers'
  const missing = Object.values(images).filter((image) => !answers('docker', 'image', 'inspect', image))
  if (missing.length > 0) return `no Docker images ${missing.join(', ')} are here: docker pull them`
  return composeCommand === null ? 'no Docker compose is installed' : false
}

/** What the command wrote on standard output. @throws Error with what it wrote on standard error, if it fails */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: root, maxBuffer: 2 ** 26 })
  return stdout.trim()
}

/** `docker compose` on the repository's file, as a project of that name. */
export async function compose(
  project: string,
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<string> {
  const [command = 'docker', ...first] = composeCommand ?? []
  const { stdout } = await run(command, [...first, '-p', project, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 26,
  })
  return stdout.trim()
}

/** A field of `docker inspect`, in Go's template language. */
export const inspect = (container: string, field: string) => docker('inspect', '--format', `{{${field}}}`, container)
