/** Builds the nodes of windows: checked where they are given, and frozen. */
import type { TopologyNode, WindowEmitNode, WindowNode, WindowSideNode, WindowSpec } from '../topology/node.ts'
import { isRepartition, topologicalOrder } from '../topology/order.ts'
import { windowsLayout, windowsText } from '../topology/window-text.ts'
import type { Aggregate } from './aggregates.ts'
import { check, checkedChoice } from './checks.ts'
import { step } from './stream-nodes.ts'
import { windowCodec } from './window-state.ts'
import type { OutputMode, Windows } from './window-types.ts'
import { specOf } from './windows.ts'

/** The spec of `windows`, fit for the records of `input`. */
export function windowsOver(input: TopologyNode, windows: Windows<unknown>): WindowSpec {
  const spec = specOf(windows)
  check(
    spec.kind !== 'session' || spec.order === 'time' || !topologicalOrder([input]).some(isRepartition),
    "A session with order 'arrival' stands behind a keyBy or global: behind a repartition topic the records of a key arrive in any order. Take order 'time'.",
  )
  return spec
}

export function windowNode(input: TopologyNode, windows: WindowSpec, aggregate: Aggregate): WindowNode {
  const { name, functions } = aggregate
  const codec = windowCodec(windows, aggregate)
  const called = functions.function
  check(
    windows.kind !== 'session' || functions.merge !== undefined,
    `${called} '${name}' is over sessions and has no merge: a record that comes between two sessions makes them one.`,
  )
  return Object.freeze({
    kind: 'window',
    ...step(input),
    name,
    detail: `${windowsText(windows)}; function: ${called}`,
    stores: Object.freeze([Object.freeze({ name, shape: 'bucketed', codec, layout: windowsLayout(windows, functions) })]),
    ...functions,
    windows,
  })
}

export const windowEmitNode = (input: WindowNode, mode: OutputMode): WindowEmitNode =>
  Object.freeze({
    kind: 'windowEmit',
    ...step(input),
    label: 'emit',
    detail: mode,
    mode: checkedChoice('The mode of emit', mode, ['append', 'update', 'complete']),
  })

export function windowSideNode(input: WindowNode, kind: WindowSideNode['kind']): WindowSideNode {
  const { windows, name } = input
  check(
    kind === 'late' || (windows.kind === 'session' && windows.startsWith !== undefined),
    `outside() of '${name}': only sessions with startsWith leave records outside, and these windows take every record that is not late.`,
  )
  return Object.freeze({ kind, ...step(input) })
}
