/** The slots of a running task: they go on from where its last commit left them. */
import { parseTaskId } from '../task-id.ts'
import { SlotClock } from '../time/slot-clock.ts'
import type { Plan } from '../topology/plan.ts'
import { hasBatchWindows, isSlotted, repartitionsBefore } from '../topology/slot-flow.ts'
import type { TakenTask } from './taking.ts'

/** Null where nobody goes by slots. */
export function slotClockOf({ graph }: Plan, { id, progress }: TakenTask): SlotClock | null {
  const subtopology = graph.subtopologies[parseTaskId(id).subtopology]
  const { trigger } = graph.definition
  if (subtopology === undefined || trigger === 'continuous' || !isSlotted(subtopology, graph.slottedRepartitions)) return null
  const { everyMs } = trigger
  const lengths = subtopology.nodes.filter(hasBatchWindows).map(({ windows }) => windows.length)
  return new SlotClock({
    everyMs,
    lag: repartitionsBefore(subtopology.repartitionSources),
    spanMs: Math.max(0, ...lengths) * everyMs,
    committed: progress?.slot ?? Number.NEGATIVE_INFINITY,
  })
}
