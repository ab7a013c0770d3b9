import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commands } from '../../../service/cli/commands.ts'
import { commandHelp, generalHelp } from '../../../service/cli/help.ts'
import { settingsByKey } from '../../../service/config/settings.ts'
import { flagName } from '../../../service/config/spelling.ts'

test('the general help names every command', () => {
  for (const { name, summary } of commands) assert.match(generalHelp(commands), new RegExp(`caudal ${name} .*${summary}`))
})

test('the help of a configurable command names every key', () => {
  for (const command of commands) {
    const text = commandHelp(command)
    for (const key of settingsByKey.keys()) assert.equal(text.includes(`--${flagName(key)} `), command.configurable, key)
  }
})
