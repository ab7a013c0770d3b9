import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, stream, topology } from '../../../service/index.ts'
import customerSpend from '../../../topologies/customer-spend.ts'

test('customer-spend, as it is printed', () => {
  assert.equal(
    customerSpend.describe(),
    `Topology: customer-spend
  Sub-topology: 0
    source-0 (topic: purchases)
      --> filter-1
    filter-1
      <-- source-0
      --> map-2
    map-2
      <-- filter-1
      --> byKey-3
    byKey-3
      <-- map-2
      --> sum-4
    sum-4 (store: total, changelog: customer-spend-total-changelog)
      <-- byKey-3
      --> emit-5
    emit-5
      <-- sum-4
      --> map-6
    map-6
      <-- emit-5
      --> sink-7
    sink-7 (topic: customer-spend)
      <-- map-6
`,
  )
})

test('a keyBy, as it is printed: its topic is written by one sub-topology and read by the next', () => {
  const orders = stream('orders', { value: json<{ city: string; n: number }>() })
  const { big, rest } = orders.branch({ big: (order) => order.n > 100 })
  const described = topology('cities', [
    big.to((order) => `big-${order.city}`, { value: json() }),
    rest
      .keyBy((order) => order.city)
      .count('per-city')
      .changes()
      .print(),
  ]).describe()
  assert.equal(
    described,
    `Topology: cities
  Sub-topology: 0
    source-0 (topic: orders)
      --> branch-1
    branch-1
      <-- source-0
      --> outlet-2, outlet-4
    outlet-2 (big)
      <-- branch-1
      --> sink-3
    sink-3 (topic: given by a function of the record)
      <-- outlet-2
    outlet-4 (rest)
      <-- branch-1
      --> keyBy-5
    keyBy-5 (to repartition topic: cities-per-city-repartition)
      <-- outlet-4
  Sub-topology: 1
    keyBy-5 (from repartition topic: cities-per-city-repartition)
      --> count-6
    count-6 (store: per-city, changelog: cities-per-city-changelog)
      <-- keyBy-5
      --> changes-7
    changes-7
      <-- count-6
      --> print-8
    print-8
      <-- changes-7
`,
  )
})

test('a repartition topic that comes back to where it is written', () => {
  const a = stream('a', { value: json<{ k: string }>() })
  const back = a.keyBy((v) => v.k, { name: 'back' }).records()
  assert.match(
    topology('loop', back.union(a).print()).describe(),
    /keyBy-1 \(through repartition topic: loop-back-repartition\)\n {6}<-- source-0\n {6}--> records-2/,
  )
})
