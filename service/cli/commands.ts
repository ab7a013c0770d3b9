/** The commands of the command line, in the order of its help. */
import type { Command } from './command.ts'
import { describeCommand } from './describe-command.ts'
import { devCommand } from './dev-command.ts'
import { feedCommand } from './feed-command.ts'
import { runCommand } from './run-command.ts'
import { tryCommand } from './try-command.ts'

export const commands: readonly Command[] = [runCommand, devCommand, tryCommand, describeCommand, feedCommand]
