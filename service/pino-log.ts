/** The log port on pino: one JSON object a line, with level, time and message, secrets taken out. */
import { type DestinationStream, pino, stdTimeFunctions } from 'pino'
import { redacted } from './config/redact.ts'
import { settingsByKey } from './config/settings.ts'
import type { Log } from './log.ts'
import { LogFile } from './log-file.ts'

export interface PinoLogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Null: standard error. */
  readonly file?: string | null
  /** In every line: which worker, which application. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** In the place of both: tests. */
  readonly stream?: DestinationStream
}

/** Secrets by their key as a whole, by their path inside a logged configuration, and passwords wherever they stand. */
const secretKeys = [...settingsByKey].filter(([, { secret }]) => secret).map(([key]) => key)
const secretPaths = secretKeys.flatMap((key) => [key, `*.${key}`, `["${key}"]`, `*["${key}"]`])
const paths = secretPaths.concat('password', '*.password', '*.*.password', '*.*.*.password')

/** A secret that is not set may be seen to be so. */
const censor = (value: unknown) => (value === null ? null : redacted)

export function pinoLog({ level, file = null, fields = {}, stream }: PinoLogOptions): Log {
  const target = stream ?? LogFile.open(file)
  const options = {
    level,
    base: fields,
    redact: { paths: [...new Set(paths)], censor },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, target)
}
