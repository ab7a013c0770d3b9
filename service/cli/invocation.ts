/** From a command line to what a command works with, all defects of options, configuration and topology file at once. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Configuration, loadConfiguration } from '../config.ts'
import { definitionOf, type Topology } from '../dsl/topology.ts'
import { ConfigurationError } from '../errors.ts'
import type { TopologyDefinition } from '../topology/node.ts'
import type { CommandArguments } from './command.ts'
import type { Parts } from './parts.ts'

export interface LoadedTopology {
  /** As it was given. */
  readonly file: string
  readonly url: URL
  readonly exportName: string
  readonly topology: Topology
  readonly definition: TopologyDefinition
}

export interface Invocation extends LoadedTopology {
  readonly configuration: Configuration
  readonly seconds: number | undefined
}

export interface InvocationOptions {
  /** The command's own defaults of configuration keys, nested. */
  readonly commandDefaults?: object
  /** Defects that only this command sees in a configuration. */
  readonly check?: (configuration: Configuration) => readonly string[]
}

/** @throws ConfigurationError with every defect. */
export async function prepareInvocation(
  line: CommandArguments,
  parts: Parts,
  options: InvocationOptions = {},
): Promise<Invocation> {
  const defects: string[] = [...line.defects]
  const configuration = collect(defects, () => configurationOf(line, parts, options))
  const loaded = await loadTopology(line, parts).catch((error: unknown) => keepDefects(defects, error))
  if (configuration === undefined || loaded === undefined || defects.length > 0) throw new ConfigurationError(defects)
  return { ...loaded, configuration, seconds: line.seconds }
}

/** The topology of the command line's file. @throws ConfigurationError */
export async function loadTopology(
  { file, exportName }: CommandArguments,
  { directory, ...parts }: Parts,
): Promise<LoadedTopology | undefined> {
  // Its absence is one of the command line's own defects.
  if (file === undefined) return undefined
  const path = resolve(directory, file)
  if (!existsSync(path)) throw new ConfigurationError([`${file}: no such file`])
  const url = pathToFileURL(path)
  const topology = await parts.loadTopology(url, exportName)
  return { file, url, exportName, topology, definition: definitionOf(topology) }
}

function configurationOf(line: CommandArguments, { directory, environment }: Parts, options: InvocationOptions): Configuration {
  const { commandDefaults = {}, check = () => [] } = options
  const { configFiles: files, flags } = line
  return loadConfiguration({ directory, files, environment, flags, commandDefaults, check })
}

function collect<T>(defects: string[], step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    keepDefects(defects, error)
    return undefined
  }
}

/** What a step found wrong, for a list of everything that is. @throws any other error */
export function keepDefects(defects: string[], error: unknown): void {
  if (!(error instanceof ConfigurationError)) throw error
  defects.push(...error.defects)
}
