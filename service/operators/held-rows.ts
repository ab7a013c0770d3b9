/** Whose rows a reader of all rows reads: those of the operator that holds them, through the steps of tables between the two. */
import { FatalError } from '../errors.ts'
import type { Failed } from '../source/push.ts'
import type { TopologyNode } from '../topology/node.ts'
import { type AllRows, rowsBehind } from './all-rows.ts'
import { tableFilter, tableMap } from './table.ts'

export class HeldRows {
  readonly #failed: Failed
  readonly #holders = new Map<TopologyNode, AllRows>()

  constructor(failed: Failed) {
    this.#failed = failed
  }

  /** The operator of a node that holds rows. */
  add(node: TopologyNode, holder: AllRows): void {
    this.#holders.set(node, holder)
  }

  /** What goes into `node`. Its holder may be added later: it is looked up when it is read. The steps are copies, as changes take others. */
  into({ inputs: [table] }: TopologyNode): AllRows {
    const failed = this.#failed
    if (table?.kind === 'tableMap')
      return rowsBehind(this.into(table), (next) => tableMap(table, failed, { next, withBefore: false }))
    if (table?.kind === 'tableFilter') return rowsBehind(this.into(table), (next) => tableFilter(table, failed, next))
    return {
      loadRows: (ends) => this.#holderOf(table).loadRows(ends),
      replay: (next, timestamp, ends) => this.#holderOf(table).replay(next, timestamp, ends),
    }
  }

  #holderOf(table: TopologyNode | undefined): AllRows {
    const holder = table === undefined ? undefined : this.#holders.get(table)
    if (holder === undefined) throw new FatalError(`Defect in caudal: a ${table?.kind} holds no rows.`)
    return holder
  }
}
