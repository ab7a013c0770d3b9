/** The stateless steps as closures that call one another; each catches what its own function throws, and nothing from downstream. */
import { inspect } from 'node:util'
import type { Failed, Push } from '../source/push.ts'
import type { BranchNode, FilterNode, FlatMapNode, LookupNode, MapNode, PeekNode, TableRows, Value } from '../topology/node.ts'
import { refusePromise } from './policies.ts'

export function map({ fn }: MapNode, failed: Failed, next: Push): Push {
  return (value, record) => {
    let mapped: Value
    try {
      mapped = fn(value, record)
      if (mapped instanceof Promise) throw refusePromise(mapped)
    } catch (error) {
      return failed('map', error, record)
    }
    next(mapped, record)
  }
}

/** All values are taken before the first goes on: a generator that throws half-way emits none. */
export function flatMap({ fn }: FlatMapNode, failed: Failed, next: Push): Push {
  return (value, record) => {
    let values: readonly Value[]
    try {
      const iterable = fn(value, record)
      values = Array.isArray(iterable) ? iterable : [...iterable]
    } catch (error) {
      return failed('flatMap', error, record)
    }
    for (const one of values) next(one, record)
  }
}

export function filter({ fn }: FilterNode, failed: Failed, next: Push): Push {
  return (value, record) => {
    let passes: unknown
    try {
      passes = fn(value, record)
      if (passes instanceof Promise) throw refusePromise(passes)
    } catch (error) {
      return failed('filter', error, record)
    }
    if (passes) next(value, record)
  }
}

export function peek({ fn }: PeekNode, failed: Failed, next: Push): Push {
  return (value, record) => {
    try {
      const nothing = fn(value, record)
      if (nothing instanceof Promise) throw refusePromise(nothing)
    } catch (error) {
      return failed('peek', error, record)
    }
    next(value, record)
  }
}

/** @see LookupNode. `rows` are those of its table. */
export function lookup({ keyOf, combine }: LookupNode, rows: TableRows, { failed, next }: { failed: Failed; next: Push }): Push {
  return (value, record) => {
    let combined: Value
    try {
      const key: unknown = keyOf(value, record)
      if (key instanceof Promise) throw refusePromise(key)
      if (typeof key !== 'string') throw new TypeError(`the key to look up is a string, and is ${inspect(key)} here`)
      combined = combine(value, rows.get(key), record)
      if (combined instanceof Promise) throw refusePromise(combined)
    } catch (error) {
      return failed('lookup', error, record)
    }
    next(combined, record)
  }
}

/** `outlets`: one for each test, the last for the rest. */
export function branch({ tests }: BranchNode, failed: Failed, outlets: readonly Push[]): Push {
  return (value, record) => {
    let chosen = 0
    for (const { name, fn } of tests) {
      try {
        const passes: unknown = fn(value, record)
        if (passes instanceof Promise) throw refusePromise(passes)
        if (passes) break
      } catch (error) {
        return failed(`branch '${name}'`, error, record)
      }
      chosen += 1
    }
    outlets[chosen]?.(value, record)
  }
}

const nowhere: Push = () => {}

/** One closure for all consumers of a node. */
export function fanOut(consumers: readonly Push[]): Push {
  const [first, second, ...others] = consumers
  if (first === undefined) return nowhere
  if (second === undefined) return first
  if (others.length === 0) {
    return (value, record, before) => {
      first(value, record, before)
      second(value, record, before)
    }
  }
  return (value, record, before) => {
    for (const consumer of consumers) consumer(value, record, before)
  }
}
