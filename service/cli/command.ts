/** One command of the command line: how it is called, and what it does. */
import type { Layer } from '../config.ts'
import type { ExitCode } from '../runtime/running.ts'
import type { OptionValues } from './option-values.ts'
import type { OptionName } from './options.ts'
import type { Parts } from './parts.ts'

/** What the words of a command line give to their command. */
export interface CommandArguments extends OptionValues {
  /** As it was given, or the command's default; undefined where it cannot be told from the value of an unknown option. */
  readonly file: string | undefined
  /** Configuration keys that were given as flags. */
  readonly flags: Layer
  /** Everything that is wrong with the words, flags of unknown names included. */
  readonly defects: readonly string[]
}

export interface Command {
  readonly name: string
  /** `<file>`, `[file]`: as it stands in the usage. */
  readonly operand: string
  /** The file where none is given; undefined where one must be. */
  readonly defaultFile?: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What its own help says beyond that, in lines. */
  readonly details: readonly string[]
  readonly options: readonly OptionName[]
  /** False where no configuration key is read: flags of keys are then unknown options. */
  readonly configurable: boolean
  /** @throws CaudalError: ConfigurationError ends with exit code 2, others with 1. */
  run(line: CommandArguments, parts: Parts): Promise<ExitCode>
}
