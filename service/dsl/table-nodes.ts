/** Builds the nodes of keyed aggregates and tables: checked where they are given, and frozen. */
import type { AggregateNode, EmitNode, TableFilterNode, TableMapNode, TopologyNode } from '../topology/node.ts'
import type { Aggregate } from './aggregates.ts'
import { check, checkedChoice, checkedFunction } from './checks.ts'
import { step } from './stream-nodes.ts'

export const aggregateNode = (input: TopologyNode, { name, codec, functions }: Aggregate): AggregateNode =>
  Object.freeze({
    kind: 'aggregate',
    ...step(input),
    name,
    label: functions.function,
    stores: Object.freeze([Object.freeze({ name, shape: 'keyed', codec })]),
    ...functions,
  })

export const tableMapNode = (input: TopologyNode, fn: TableMapNode['fn']): TableMapNode =>
  Object.freeze({ kind: 'tableMap', ...step(input), fn: checkedFunction('map', fn) })

export const tableFilterNode = (input: TopologyNode, fn: TableFilterNode['fn']): TableFilterNode =>
  Object.freeze({ kind: 'tableFilter', ...step(input), fn: checkedFunction('filter', fn) })

export function emitNode(input: TopologyNode, mode: 'update' | 'complete'): EmitNode {
  check(
    (mode as string) !== 'append',
    "A row of a plain table is never final, so there is nothing to append: emit 'update' or 'complete', or put window() before the aggregate.",
  )
  checkedChoice('The mode of emit', mode, ['update', 'complete'])
  return Object.freeze({ kind: 'emit', ...step(input), ...(mode === 'complete' ? { detail: mode } : {}), mode })
}

export const changesNode = (input: TopologyNode): EmitNode =>
  Object.freeze({ kind: 'emit', ...step(input), label: 'changes', mode: 'changes' })
