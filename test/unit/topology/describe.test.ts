import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hopping, json, session, stream, topology, tumbling } from '../../../service/index.ts'
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

test('windows, as they are printed: with their parameters, and what is read of them', () => {
  type Lesson = { room: string; kind: string; n: number }
  const lessons = stream('lessons', { value: json<Lesson>() }).byKey()
  const hours = lessons.window(tumbling('1 hour', { grace: '10 minutes' })).sum('hours', (l) => l.n)
  const classes = lessons.window(session({ gap: '30 minutes', startsWith: (l) => l.kind === 'start' })).count('classes')
  assert.equal(
    topology('school', [
      hours.emit('append').print(),
      hours.late().print(),
      classes.emit('update').print(),
      classes.outside().print(),
      lessons.count('all').emit('update').print(),
    ]).describe(),
    `Topology: school
  Sub-topology: 0
    source-0 (topic: lessons)
      --> byKey-1
    byKey-1
      <-- source-0
      --> window-2, window-7, count-12
    window-2 (tumbling 1 hour, grace 10 minutes; function: sum; store: hours, changelog: school-hours-changelog)
      <-- byKey-1
      --> emit-3, late-5
    emit-3 (append)
      <-- window-2
      --> print-4
    print-4
      <-- emit-3
    late-5
      <-- window-2
      --> print-6
    print-6
      <-- late-5
    window-7 (session gap 30 minutes, startsWith; function: count; store: classes, changelog: school-classes-changelog)
      <-- byKey-1
      --> emit-8, outside-10
    emit-8 (update)
      <-- window-7
      --> print-9
    print-9
      <-- emit-8
    outside-10
      <-- window-7
      --> print-11
    print-11
      <-- outside-10
    count-12 (store: all, changelog: school-all-changelog)
      <-- byKey-1
      --> emit-13
    emit-13
      <-- count-12
      --> print-14
    print-14
      <-- emit-13
`,
  )
})

test('windows of windows stand in one sub-topology', () => {
  const hours = stream('in', { value: json<{ k: string; n: number }>() })
    .keyBy((v) => v.k, { name: 'by-k' })
    .window(hopping('1 hour', '5 minutes'))
    .sum('hours', (v) => v.n)
  const days = hours
    .emit('append')
    .byKey()
    .window(tumbling('1 day', { offset: '22 hours' }))
    .sum('days', (hour) => hour.value)
  const described = topology('shop', days.emit('append').print()).describe()
  assert.equal(described.match(/Sub-topology/g)?.length, 2)
  assert.match(described, /window-2 \(hopping 1 hour every 5 minutes; function: sum; store: hours/)
  assert.match(described, /window-5 \(tumbling 1 day, offset 22 hours; function: sum; store: days/)
})
