/** The help texts. */
import { settingsByKey } from '../config/settings.ts'
import { environmentName, flagName } from '../config/spelling.ts'
import type { Command } from './command.ts'
import { type Option, options } from './options.ts'

const indent = '  '

/** `caudal --help`. */
export function generalHelp(commands: readonly Command[]): string {
  return [
    'caudal: exactly-once stream processing for Kafka.',
    '',
    'Usage:',
    ...table(commands.map(({ name, operand, summary }) => [`caudal ${name} ${operand}`, summary])),
    '',
    'Options:',
    ...table([
      ['--help', 'This text; after a command, that command’s with all configuration keys.'],
      ['--version', options.version.help],
    ]),
    '',
    'Exit codes: 0 done · 1 stopped by a fault · 2 usage or configuration.',
    '',
  ].join('\n')
}

/** `caudal <command> --help`. */
export function commandHelp(command: Command): string {
  const own = command.options.map((name) => [optionUsage(name, options[name]), options[name].help] as const)
  return [
    `caudal ${command.name}: ${command.summary}`,
    '',
    `Usage: caudal ${command.name} ${command.operand} [options]`,
    '',
    ...command.details,
    '',
    'Options:',
    ...table([...own, ['--help', options.help.help]]),
    '',
    ...(command.configurable ? configurationHelp() : []),
  ].join('\n')
}

const optionUsage = (name: string, { value }: Option) => (value === null ? `--${name}` : `--${name} <${value}>`)

function configurationHelp(): string[] {
  const example = 'kafka.sessionTimeoutMs'
  const keys = [...settingsByKey].map(([key, setting]) => {
    const initial =
      setting.default === null || isEmpty(setting.default) ? '' : ` [${String(setting.default as string | number | boolean)}]`
    const file = setting.fromFile ? ` Or a file that holds it: --${flagName(`${key}File`)}.` : ''
    return [`--${flagName(key)}`, `${setting.help}${file}${initial}`] as const
  })
  return [
    'Configuration, later ones winning: defaults, config/default.json, --config files, environment, flags.',
    `A key has one name in three spellings: ${example} in a file, ${environmentName(example)}, --${flagName(example)}.`,
    ...table(keys),
    '',
  ]
}

const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `${indent}${left.padEnd(width)}${indent}${right}`)
}
