/** The parts of the command line, for tests that need only some of them. */
import type { Parts } from '../../service/cli/parts.ts'
import { silentLog } from '../../service/log.ts'
import { ManualClock } from '../../service/memory/manual-clock.ts'

const absent = () => Promise.reject(new Error('not here'))

/** A terminal that nobody sees, and nothing that could be connected to or loaded. */
export const absentParts: Parts = {
  clock: new ManualClock(0),
  directory: '/',
  environment: {},
  version: '1',
  terminal: { interactive: false, columns: () => 80, rows: () => 24, write: () => {}, complain: () => {} },
  onSignal: () => () => {},
  exit: () => {},
  readStandardInput: absent,
  deliver: absent,
  openLog: () => silentLog,
  loadTopology: absent,
  openTestDriver: absent,
  startSupervisor: absent,
  startHttpServer: absent,
  startSandbox: absent,
  kafkaWires: absent,
  memoryWires: absent,
}
