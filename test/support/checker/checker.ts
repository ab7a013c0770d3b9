/** The judge: names what is wrong with a history. Pure; compare Jepsen's checks for Kafka, and Kafka's own transactions_test and streams_eos_test. */
import type { Anomaly } from './anomaly.ts'
import { changelogsOf } from './changelogs.ts'
import { checkEnds, checkInput, checkOffsets, checkSeen } from './check-logs.ts'
import { checkOutputs } from './check-outputs.ts'
import { checkProgress, checkRedis, checkVersions } from './check-stores.ts'
import type { Expected } from './expected.ts'
import type { History } from './history.ts'

/** None where everything is as exactly-once promises. `expected` is the answer to the input up to the committed offsets. */
export function anomaliesOf(history: History, expected: Expected): readonly Anomaly[] {
  const changelogs = changelogsOf(history)
  return [
    ...checkInput(history),
    ...checkEnds(history),
    ...checkOffsets(history),
    ...checkSeen(history),
    ...checkOutputs(history, expected, changelogs),
    ...changelogs.flatMap((changelog) => checkProgress(history, changelog)),
    ...changelogs.flatMap((changelog) => {
      const store = expected.stores.get(changelog.store)
      return store === undefined ? [] : checkVersions({ history, changelog, expected: store })
    }),
    ...(history.redis === null ? [] : checkRedis(history, changelogs, history.redis)),
  ]
}
