/** What a person is told about an error that ended a command, and the exit code that goes with it. */
import { CaudalError, ConfigurationError, StoppedError } from '../errors.ts'
import type { ExitCode } from '../runtime/running.ts'

export interface Failure {
  readonly exitCode: ExitCode
  /** Empty where there is nothing to tell. */
  readonly text: string
}

export function failureOf(error: unknown): Failure {
  // Somebody stopped it while it started: as asked.
  if (error instanceof StoppedError) return { exitCode: 0, text: '' }
  if (error instanceof ConfigurationError) return { exitCode: 2, text: defectsText(error.defects) }
  if (error instanceof CaudalError) return { exitCode: 1, text: `caudal: ${error.message}` }
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { exitCode: 1, text: `caudal: a fault of caudal itself; please report it.\n${told}` }
}

function defectsText(defects: readonly string[]): string {
  if (defects.length === 1) return `caudal: ${defects[0]}`
  return [`caudal: ${defects.length} defects; nothing was started`, ...defects.map((defect) => `  - ${defect}`)].join('\n')
}
