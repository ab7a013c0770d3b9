/** The command line as a function of its words: what `main.ts` calls with the real parts, and tests with others. */
import { ConfigurationError } from '../errors.ts'
import type { ExitCode } from '../runtime/running.ts'
import { readCommandLine } from './command-line.ts'
import { commands } from './commands.ts'
import { failureOf } from './failure.ts'
import { commandHelp, generalHelp } from './help.ts'
import type { Parts } from './parts.ts'

/** Resolves with the exit code; never rejects. `words` are those after the program's name. */
export async function caudal(words: readonly string[], parts: Parts): Promise<ExitCode> {
  try {
    return await dispatch(words, parts)
  } catch (error) {
    const { exitCode, text } = failureOf(error)
    if (text !== '') parts.terminal.complain(text)
    if (exitCode === 2 && words.length === 0) parts.terminal.complain(`\n${generalHelp(commands)}`)
    return exitCode
  }
}

async function dispatch(words: readonly string[], parts: Parts): Promise<ExitCode> {
  const line = readCommandLine(words, commands)
  const { command, help, version, defects } = line
  if (version) return say(parts, `${parts.version}\n`)
  if (help) return say(parts, command ? commandHelp(command) : generalHelp(commands))
  if (command === undefined) throw new ConfigurationError(defects)
  return command.run(line, parts)
}

function say({ terminal }: Parts, text: string): ExitCode {
  terminal.write(text)
  return 0
}
