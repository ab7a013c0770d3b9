/** What must compile against the public API, and what must not. */
import { z } from 'zod'
import type { KeyedStream, Stream, Table, WindowedTable } from '../../service/index.ts'
import {
  batches,
  bytes,
  float64,
  hopping,
  int64,
  json,
  nullable,
  session,
  sliding,
  staticTable,
  stream,
  structured,
  text,
  topology,
  tumbling,
} from '../../service/index.ts'

const Purchase = z.object({
  customer: z.string(),
  city: z.string(),
  product: z.string(),
  amount: z.number(),
  at: z.iso.datetime(),
})
const purchases = stream('purchases', {
  value: json(Purchase),
  time: (purchase) => Date.parse(purchase.at),
  lateness: '10 minutes',
  idleAfter: '1 minute',
})

// Hourly spend of each customer, once, when the hour is over, and the best three; and of those hours the day, in another time zone.
const hours = purchases
  .keyBy((purchase) => purchase.customer, { name: 'by-customer' })
  .window(tumbling('1 hour'))
  .sum('hourly-spend', (p) => p.amount)
const days = hours
  .emit('append')
  .byKey()
  .window(tumbling('1 day', { offset: '22 hours' }))
  .sum('daily-spend', (hour) => hour.value)
export const hourlySpend = topology('hourly-spend', [
  hours.emit('append').to('hourly-spend', { value: json() }),
  hours
    .top('best-customers', 3, (a, b) => b - a)
    .emit('append')
    .to('best-customers', { value: json() }),
  hours
    .top('best-now', 3, (a, b) => b - a)
    .emit('complete')
    .print(),
  hours.late().to('late-purchases', { value: json() }),
  days.emit('append').to('daily-spend', { value: json() }),
])

// What each customer spent in the last six batches, every two of them: what leaves is taken out, and who has nothing left is dropped.
const recentSpend = purchases
  .keyBy((purchase) => purchase.customer)
  .window(batches(6, 2))
  .aggregate('recent-spend', {
    initial: () => ({ count: 0, sum: 0 }),
    add: ({ count, sum }, { amount }) => ({ count: count + 1, sum: sum + amount }),
    remove: ({ count, sum }, { amount }) => (count === 1 ? undefined : { count: count - 1, sum: sum - amount }),
  })
const recentCities = purchases
  .global()
  .window(batches(6))
  .countByValue('recent-cities', (p) => p.city)
export const lately = topology('lately', [
  recentSpend.emit('append').to('recent-spend', { value: json() }),
  recentCities.emit('append').print(),
])

// What each customer has spent; and how often each city occurred, over everything.
const spend = purchases.keyBy((purchase) => purchase.customer).sum('spend', (p) => p.amount)
const cities = purchases.global().countByValue('cities', (p) => p.city)
export const totals = topology('totals', [
  spend.emit('update').to('spend', { value: json() }),
  spend.emit('complete').print(),
  spend.top('best-spenders', 3, (a, b) => b - a).to('best-spenders', { value: json() }),
  spend.map((sum, customer) => ({ sum, customer })).to('spend-table', { value: json() }),
  cities.emit('update').print(),
])
export const patient = topology('patient', purchases.print(5), {
  trigger: { every: '1 second' },
  onError: 'dead-letter',
  deadLetterTopic: 'patient-dead',
})

// Classes: opened by a record, ended by a record or by half an hour of silence.
type Lesson = { room: string; kind: 'start' | 'end' | 'question' }
const lessons = stream(['lessons', 'old-lessons'], { value: json<Lesson>() })
const classes = lessons
  .byKey()
  .window(session({ gap: '30 minutes', startsWith: (l) => l.kind === 'start', endsWith: (l) => l.kind === 'end' }))
  .count('classes')
export const lessonsPerClass = topology('lessons-per-class', [
  classes.emit('append').to('classes', { value: json() }),
  classes.late().to('late-lessons', { value: json() }),
  classes.outside().to('lessons-outside-class', { value: json() }),
])

// Windows that overlap; a time of its own.
const trending = purchases
  .keyBy((p) => p.product)
  .window(hopping('10 seconds', '2 seconds'))
  .count('trending')
const recent = purchases
  .byKey()
  .window(sliding('10 seconds', { grace: '1 minute' }))
  .average('recent', (p) => p.amount)
export const trends = topology('trends', [
  trending.emit('update').to('trending', { value: json(), keyOf: (row, record) => `${record.key}@${row.start}` }),
  recent.emit('append').print(),
])

// A change log of a database becomes a table.
type Account = { id: string; limit: number }
const accounts = stream('accounts-cdc', { value: nullable(json<Account>()) })
  .byKey()
  .toTable('accounts')
export const bank = topology('bank', [accounts.to('accounts', { value: json() })], { trigger: 'continuous' })

// Rows from a file, found by a field of each record.
type Shop = { id: string; name: string }
const shops = staticTable('shops.csv', { key: (shop: Shop) => shop.id })
const discounts = staticTable({ tea: 0.1, bread: 0 })
export const prices = topology(
  'prices',
  purchases
    .lookup(
      shops,
      (p) => p.city,
      (p, shop) => ({ ...p, shop: shop?.name ?? 'unknown' }),
    )
    .lookup(
      discounts,
      (p) => p.product,
      (p, discount = 0) => ({ shop: p.shop, amount: p.amount * (1 - discount) }),
    )
    .to('prices', { value: json() }),
)

// Types flow.
type A = { t: 'a' }
type B = { t: 'b' }
type C = { t: 'c' }
const sa = stream('a', { value: json<A>() })
const sb = stream('b', { value: json<B>() })
const sc = stream('c', { value: json<C>() })
const all: Stream<string, A | B | C> = sa.union(sb, sc)
const parts = all.branch({ a: (v): v is A => v.t === 'a', others: (v) => v.t !== 'a' })
const onlyA: Stream<string, A> = parts.a
const rest: Stream<string, A | B | C> = parts.rest
const joinable: KeyedStream<string, Lesson> = lessons.keyBy((l) => l.kind)
const longKeys = stream('long-keys', { key: int64(), value: json<{ n: number }>() })
longKeys.to('x', { value: json(), key: int64() })
longKeys.to('x', { value: json(), keyOf: (v) => String(v.n) })
const dated = sa.map((v) => ({ ...v, at: new Date(0) }))
dated.keyBy((v) => v.t, { value: structured() })
const wider: Stream<string, { t: string }> = sa
type Tree = { name: string; kids: Tree[] }
stream('trees', { value: json<Tree>() })
  .keyBy((t) => t.name)
  .count('trees')
const widerTable: Table<string, { t: string }> = sa.byKey().reduce('last-a', (_, a) => a)
const widerWindows: WindowedTable<string, number, { t: string }> = sa.byKey().window(tumbling(5)).count('windows-of-a')
// Windows of anything wider gather what is narrower.
sa.byKey().window(session({ endsWith: (v: { t: string }) => v.t === 'end' }))
void [onlyA, rest, joinable, wider, widerTable, widerWindows]

// @ts-expect-error nothing is counted before it has a key
lessons.count('x')
// @ts-expect-error a topology has at least one sink
topology('empty', [])
// @ts-expect-error a row of a plain table is never final
lessons.byKey().count('c').emit('append')
const counted = lessons.byKey().count('c')
// @ts-expect-error nor are the first rows of one
counted.top('best', 3, (a, b) => b - a).emit('append')
// @ts-expect-error rows are compared by their values
counted.top('best', 3, (a: string, b: string) => a.localeCompare(b))
const dates = dated.byKey().reduce('d', (left) => left, { state: structured() })
// @ts-expect-error a Date does not survive JSON on its way to the task that merges
dates.top('best', 3, () => 0)
// @ts-expect-error the sink's codec does not fit the stream
spend.emit('update').to('x', { value: text() })
// @ts-expect-error a state has a name
lessons.byKey().count()
// @ts-expect-error no such unit
topology('units', lessons.print(), { trigger: { every: '10 fortnights' } })
// @ts-expect-error nor here
tumbling('10 fortnights')
// @ts-expect-error a session ends somehow
session({})
// @ts-expect-error and an order is no end
session({ order: 'arrival' })
const quiet = lessons.byKey().window(session({ gap: '1 minute' }))
// @ts-expect-error sessions that grow together need merge
quiet.aggregate('x', { initial: () => 0, add: (n: number) => n + 1 })
// @ts-expect-error a hop has an advance
hopping('10 seconds')
// @ts-expect-error sliding windows are aligned to their records
sliding('10 seconds', { offset: '1 second' })
// @ts-expect-error the windows of lessons end with lessons
sa.byKey().window(session({ endsWith: (l: Lesson) => l.kind === 'end' }))
// @ts-expect-error nothing is windowed before it has a key
lessons.window(tumbling('1 hour'))
// @ts-expect-error windows are counted before they are emitted
lessons.byKey().window(tumbling('1 hour')).emit('append')
// @ts-expect-error windows have rows and no changes
hours.changes()
// @ts-expect-error nor a mode of that name
hours.emit('changes')
// @ts-expect-error rows of windows are emitted before they are written
hours.to('x', { value: json() })
// @ts-expect-error a window that is open was closed by nothing
hours.emit('update').map((row): string => row.closedBy)
// @ts-expect-error a plain table has no late records
spend.late()
const datedWindows = dated.byKey().window(tumbling(5))
// @ts-expect-error a Date does not survive in a window either
datedWindows.reduce('dated-windows', (_, v) => v)
const map = { initial: () => new Map<string, number>(), add: (m: Map<string, number>) => m, merge: (m: Map<string, number>) => m }
// @ts-expect-error nor a Map in a session
quiet.aggregate('m', map)
quiet.aggregate('m', { ...map, state: structured<Map<string, number>>() })
// @ts-expect-error silence is no length of time
stream('silent', { value: json<Lesson>(), idleAfter: true })
// @ts-expect-error lateness is one
stream('latest', { value: json<Lesson>(), lateness: false })
// @ts-expect-error a Date does not survive JSON on its way through the repartition topic
dated.keyBy((v) => v.t)
// @ts-expect-error nor does a Map in a store
sa.byKey().aggregate('m', { initial: () => new Map<string, number>(), add: (m: Map<string, number>) => m })
// @ts-expect-error a promise is not a value
sa.map(async (v) => v.t)
// @ts-expect-error a bigint key needs a codec
longKeys.to('x', { value: json() })
// @ts-expect-error dead letters need a topic
topology('dl', sa.to('x', { value: json() }), { onError: 'dead-letter' })

// @ts-expect-error a key is text or a number: an object has no one form
lessons.keyBy((l) => ({ room: l.room }))
// @ts-expect-error a Date does not survive in a table either
dated.byKey().toTable('dated')
// @ts-expect-error the time of an event is a number
stream('late', { value: json<Lesson>(), time: (l) => l.room })
const [nothing, later] = [() => 0, async () => 0]
// @ts-expect-error a key to look up is text
purchases.lookup(discounts, ({ amount }) => amount, nothing)
// @ts-expect-error a row may be missing
purchases.lookup(shops, String, (_, shop) => shop.name)
// @ts-expect-error lookups are synchronous
purchases.lookup(discounts, String, later)
// @ts-expect-error rows of a file need a key
staticTable('shops.csv')
// @ts-expect-error bytes are no text
stream('raw', { value: bytes() }).to('x', { value: text() })
// @ts-expect-error a record's function sees the record's own key
longKeys.filter((_, record) => record.key === 'x')
// @ts-expect-error `rest` is the branch of what no test takes
all.branch({ rest: (v) => v.t === 'a' })
// @ts-expect-error a sink writes text keys by one of key and keyOf where the key is no text
longKeys.to('x', { value: json(), key: int64(), keyOf: (v) => String(v.n) })
// @ts-expect-error a sum is of numbers
lessons.byKey().sum('rooms', (l) => l.room)
// @ts-expect-error a stream is no sink
topology('no-sink', lessons)
// @ts-expect-error a mapped table has no state of its own to count again
spend.map((sum) => sum).count('again')
void float64
