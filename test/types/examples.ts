/** What must compile against the public API, and what must not. */
import { z } from 'zod'
import type { KeyedStream, Stream, Table } from '../../service/index.ts'
import { bytes, float64, int64, json, nullable, stream, structured, text, topology } from '../../service/index.ts'

const Purchase = z.object({
  customer: z.string(),
  city: z.string(),
  product: z.string(),
  amount: z.number(),
  at: z.iso.datetime(),
})
const purchases = stream('purchases', { value: json(Purchase), time: (purchase) => Date.parse(purchase.at) })

// What each customer has spent; and how often each city occurred, over everything.
const spend = purchases.keyBy((purchase) => purchase.customer).sum('spend', (p) => p.amount)
const cities = purchases.global().countByValue('cities', (p) => p.city)
export const totals = topology('totals', [
  spend.emit('update').to('spend', { value: json() }),
  spend.map((sum, customer) => ({ sum, customer })).to('spend-table', { value: json() }),
  cities.emit('update').print(),
])
export const patient = topology('patient', purchases.print(5), {
  trigger: { every: '1 second' },
  onError: 'dead-letter',
  deadLetterTopic: 'patient-dead',
})

// A change log of a database becomes a table.
type Account = { id: string; limit: number }
const accounts = stream('accounts-cdc', { value: nullable(json<Account>()) })
  .byKey()
  .toTable('accounts')
export const bank = topology('bank', [accounts.to('accounts', { value: json() })], { trigger: 'continuous' })

// Types flow.
type Lesson = { room: string; kind: 'start' | 'end' | 'question' }
const lessons = stream(['lessons', 'old-lessons'], { value: json<Lesson>() })
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
void [onlyA, rest, joinable, wider, widerTable]

// @ts-expect-error nothing is counted before it has a key
lessons.count('x')
// @ts-expect-error a topology has at least one sink
topology('empty', [])
// @ts-expect-error a row of a plain table is never final
lessons.byKey().count('c').emit('append')
// @ts-expect-error the sink's codec does not fit the stream
spend.emit('update').to('x', { value: text() })
// @ts-expect-error a state has a name
lessons.byKey().count()
// @ts-expect-error no such unit
topology('units', lessons.print(), { trigger: { every: '10 fortnights' } })
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
