/** Reads the words after `caudal`: the command, its file, its options, and configuration keys given as flags. */
import { parseArgs } from 'node:util'
import type { Given } from '../config.ts'
import { settingsByKey } from '../config/settings.ts'
import { keyByFlagName, suggestion } from '../config/spelling.ts'
import type { Command, CommandArguments } from './command.ts'
import { readOptionValues } from './option-values.ts'
import { isOption, type OptionName, options } from './options.ts'

/** A command, with what was given to it. */
export interface CommandLine extends CommandArguments {
  readonly command: Command | undefined
  readonly help: boolean
  readonly version: boolean
}

const takesNoValue = (name: string) => {
  if (isOption(name)) return options[name].value === null
  return settingsByKey.get(keyByFlagName.get(name) ?? '')?.isFlag === true
}
const knownNames = [...Object.keys(options), ...keyByFlagName.keys()]
const types = Object.fromEntries(knownNames.map((name) => [name, { type: takesNoValue(name) ? 'boolean' : 'string' } as const]))

/** Nothing is thrown: defects are collected, so that those of the configuration can be listed with them. */
export function readCommandLine(words: readonly string[], commands: readonly Command[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...words],
    options: { ...types, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    strict: false,
    tokens: true,
    allowPositionals: true,
  })
  const operands = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  const command = commands.find(({ name }) => name === operands[0])
  const found = readOptions(
    tokens.filter((token) => token.kind === 'option'),
    command,
  )
  const wanted = { help: found.options.has('help'), version: found.options.has('version') }
  const defects = [...found.defects]
  const unknownNames = defects.length > 0
  if (!wanted.help && !wanted.version) defects.push(...operandDefects(operands, { command, commands, unknownNames }))
  const { values, defects: valueDefects } = readOptionValues(found.options)
  return {
    command,
    file: unknownNames && operands.length > 2 ? undefined : (operands[1] ?? command?.defaultFile),
    ...values,
    ...wanted,
    flags: { given: found.given, defects: [] },
    defects: [...defects, ...valueDefects],
  }
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
}

interface FoundOptions {
  readonly options: Map<OptionName, string[]>
  readonly given: Given[]
  readonly defects: string[]
}

function readOptions(tokens: readonly OptionToken[], command: Command | undefined): FoundOptions {
  const found: FoundOptions = { options: new Map(), given: [], defects: [] }
  for (const token of tokens) {
    const value = token.value ?? (takesNoValue(token.name) ? 'true' : undefined)
    const known = isOption(token.name)
      ? allows(command, token.name)
      : command?.configurable !== false && keyByFlagName.has(token.name)
    if (!known)
      found.defects.push(`${token.rawName}: unknown option${suggestion(token.name, namesFor(command), (name) => `--${name}`)}`)
    else if (value === undefined || (token.value?.startsWith('--') ?? false))
      found.defects.push(`${token.rawName}: needs a value`)
    else if (isOption(token.name)) found.options.set(token.name, [...(found.options.get(token.name) ?? []), value])
    else found.given.push({ key: keyByFlagName.get(token.name) ?? token.name, value, from: token.rawName })
  }
  return found
}

/** Without a known command there is another defect to tell of; its options are not counted against it. */
const allows = (command: Command | undefined, name: OptionName) =>
  name === 'help' || name === 'version' || command === undefined || command.options.includes(name)

function namesFor(command: Command | undefined): readonly string[] {
  const own = Object.keys(options).filter((name) => isOption(name) && allows(command, name))
  return command?.configurable === false ? own : [...own, ...keyByFlagName.keys()]
}

interface OperandContext {
  readonly command: Command | undefined
  readonly commands: readonly Command[]
  /** The word after an unknown option may have been meant as its value. */
  readonly unknownNames: boolean
}

function operandDefects(operands: readonly string[], { command, commands, unknownNames }: OperandContext): string[] {
  const names = commands.map(({ name }) => name)
  const [first, file, ...more] = operands
  if (first === undefined) return [`a command is needed: ${names.join(', ')}`]
  if (command === undefined) return [`${first}: unknown command${suggestion(first, names)}`]
  if (file === undefined && command.defaultFile === undefined)
    return [`a topology file is needed: caudal ${command.name} ${command.operand}`]
  return unknownNames ? [] : more.map((word) => `${word}: one word too many; caudal ${command.name} takes one file`)
}
