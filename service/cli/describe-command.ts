/** `caudal describe <file>`: what a topology consists of, without a broker. */
import { ConfigurationError } from '../errors.ts'
import type { Command } from './command.ts'
import { loadTopology } from './invocation.ts'

export const describeCommand: Command = {
  name: 'describe',
  operand: '<file>',
  summary: 'Prints sub-topologies, steps, stores and topics of the topology of a file.',
  details: ['Nothing is connected to.'],
  options: ['export'],
  configurable: false,
  run: async (line, parts) => {
    if (line.defects.length > 0) throw new ConfigurationError(line.defects)
    const loaded = await loadTopology(line, parts)
    if (loaded === undefined) return 2
    const text = loaded.topology.describe()
    parts.terminal.write(text.endsWith('\n') ? text : `${text}\n`)
    return 0
  },
}
