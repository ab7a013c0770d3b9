/** Loads a topology file: one topology by default export, or by name. */
import { definitionOf, type Topology } from '../dsl/topology.ts'
import { ConfigurationError } from '../errors.ts'

/** @throws ConfigurationError for a file that is not there, does not load, or exports no topology */
export async function loadTopology(url: URL, exportName: string): Promise<Topology> {
  const file = url.protocol === 'file:' ? decodeURIComponent(url.pathname) : url.href
  const exports = await load(url, file)
  const found = exports[exportName]
  if (isTopology(found)) return found
  const topologies = Object.keys(exports).filter((name) => isTopology(exports[name]))
  const hint =
    topologies.length === 0
      ? 'it exports no topology at all: `export default topology(...)`'
      : `it exports ${topologies.map((name) => `'${name}'`).join(', ')}: choose one with --export`
  throw new ConfigurationError([`${file} has no topology as its export '${exportName}': ${hint}.`])
}

async function load(url: URL, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(url.href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    if (error instanceof ConfigurationError) throw new ConfigurationError(error.defects.map((defect) => `${file}: ${defect}`))
    const message = error instanceof Error ? error.message : String(error)
    throw new ConfigurationError([`${file} cannot be loaded: ${message}`])
  }
}

function isTopology(value: unknown): value is Topology {
  try {
    definitionOf(value as Topology)
    return true
  } catch (ignored) {
    // Something else that the file exports.
    return false
  }
}
