/** The stateful operators of one stage, which load together and then run one after the other. */
import { StoreUnavailableError } from '../errors.ts'
import type { Stage } from './pipeline.ts'
import type { StatefulOperator } from './stateful.ts'

export function stageOf(operators: readonly StatefulOperator[]): Stage {
  return {
    load() {
      const loads = operators.flatMap((operator) => operator.load() ?? [])
      return loads.length === 0 ? undefined : settled(loads)
    },
    run() {
      for (const operator of operators) operator.run()
    },
  }
}

/** Waits for all: after a failure the caller loads again, and must not find one still under way. The gravest failure counts. */
async function settled(loads: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(loads)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
  const gravest = failures.find((failure) => !(failure instanceof StoreUnavailableError)) ?? failures[0]
  if (gravest !== undefined) throw gravest
}
