/** The types that the language infers, and which of them may stand for which. */
import { expectTypeOf } from 'expect-type'
import { z } from 'zod'
import type {
  ClosedBy,
  GlobalTable,
  IsJson,
  KeyedStream,
  OutputMode,
  SessionStream,
  SessionWindows,
  Stream,
  Table,
  Windowed,
  WindowedStream,
  WindowedTable,
  Windows,
} from '../../service/index.ts'
import {
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
  tumbling,
} from '../../service/index.ts'

type Narrow = { t: 'a'; n: number }
type Wide = { t: string }
const narrow = stream('narrow', { value: json<Narrow>() })
const long = stream('long', { key: int64(), value: float64() })

// Sources.
expectTypeOf(narrow).toEqualTypeOf<Stream<string, Narrow>>()
expectTypeOf(long).toEqualTypeOf<Stream<bigint, number>>()
expectTypeOf(stream('z', { value: json(z.object({ n: z.coerce.number() })) })).toEqualTypeOf<Stream<string, { n: number }>>()
expectTypeOf(stream('n', { value: nullable(json<Narrow>()) })).toEqualTypeOf<Stream<string, Narrow | null>>()

// A stream of something is a stream of anything wider, and not the other way round; its keys are what they are.
expectTypeOf<Stream<string, Narrow>>().toExtend<Stream<string, Wide>>()
expectTypeOf<Stream<string, Wide>>().not.toExtend<Stream<string, Narrow>>()
expectTypeOf<KeyedStream<string, Narrow>>().toExtend<KeyedStream<string, Wide>>()
expectTypeOf<Table<string, Narrow>>().toExtend<Table<string, Wide>>()
expectTypeOf<Stream<bigint, Narrow>>().not.toExtend<Stream<string, Narrow>>()

// Steps.
expectTypeOf(narrow.map((v, record) => [v.n, record.key] as const)).toEqualTypeOf<Stream<string, readonly [number, string]>>()
expectTypeOf(narrow.flatMap((v) => [v.n, v.t])).toEqualTypeOf<Stream<string, number | 'a'>>()
expectTypeOf(narrow.filter((v) => v.n > 0)).toEqualTypeOf<Stream<string, Narrow>>()
expectTypeOf(narrow.peek(() => {})).toEqualTypeOf<Stream<string, Narrow>>()
expectTypeOf(narrow.withTime((v) => v.n, { lateness: '10 minutes' })).toEqualTypeOf<Stream<string, Narrow>>()
// @ts-expect-error an event time is a number
narrow.withTime((v) => v.t)
// @ts-expect-error and it is there at once
narrow.withTime(async (v) => v.n)
const mixed = narrow.map((v): string | number => v.n)
expectTypeOf(mixed.filter((v): v is number => typeof v === 'number')).toEqualTypeOf<Stream<string, number>>()
expectTypeOf(mixed.filter((v) => typeof v === 'number')).toEqualTypeOf<Stream<string, number>>()
const branches = mixed.branch({ texts: (v): v is string => typeof v === 'string', more: (v) => v !== 0 })
expectTypeOf(branches.texts).toEqualTypeOf<Stream<string, string>>()
expectTypeOf(branches.more).toExtend<Stream<string, string | number>>()
expectTypeOf(branches.rest).toEqualTypeOf<Stream<string, string | number>>()

const ages = staticTable({ a: 1, b: 2 })
expectTypeOf(ages).toEqualTypeOf<GlobalTable<number>>()
expectTypeOf(staticTable(new Map([['a', { n: 1 }]]))).toEqualTypeOf<GlobalTable<{ n: number }>>()
expectTypeOf(staticTable('a.csv', { key: (row: Wide) => row.t })).toEqualTypeOf<GlobalTable<Wide>>()
expectTypeOf(narrow.lookup(ages, String, (v, age, record) => ({ ...v, age, at: record.timestamp }))).toEqualTypeOf<
  Stream<string, { t: 'a'; n: number; age: number | undefined; at: number }>
>()

// Keys are widened: what keyBy returned is one of many.
expectTypeOf(narrow.keyBy((v) => v.t)).toEqualTypeOf<KeyedStream<string, Narrow>>()
expectTypeOf(narrow.keyBy((v) => v.n)).toEqualTypeOf<KeyedStream<number, Narrow>>()
expectTypeOf(narrow.keyBy((v) => BigInt(v.n))).toEqualTypeOf<KeyedStream<bigint, Narrow>>()
expectTypeOf(long.global()).toEqualTypeOf<KeyedStream<string, number>>()
expectTypeOf(long.byKey().records()).toEqualTypeOf<Stream<bigint, number>>()

// State.
const keyed = narrow.byKey()
expectTypeOf(keyed.count('c')).toEqualTypeOf<Table<string, number>>()
expectTypeOf(keyed.average('a', (v) => v.n)).toEqualTypeOf<Table<string, number>>()
expectTypeOf(keyed.countByValue('v', (v) => v.t)).toEqualTypeOf<Table<string, Readonly<Record<string, number>>>>()
expectTypeOf(keyed.reduce('r', (left) => left)).toEqualTypeOf<Table<string, Narrow>>()
expectTypeOf(keyed.aggregate('g', { initial: () => 0, add: (sum, v) => sum + v.n })).toEqualTypeOf<Table<string, number>>()
expectTypeOf(
  keyed.aggregate('s', {
    initial: () => new Set<number>(),
    add: (set, v) => new Set([...set, v.n]),
    state: structured<Set<number>>(),
  }),
).toEqualTypeOf<Table<string, Set<number>>>()
expectTypeOf(
  stream('n2', { value: nullable(json<Narrow>()) })
    .byKey()
    .toTable('t'),
).toEqualTypeOf<Table<string, Narrow>>()
const table = keyed.count('c2')
expectTypeOf(table.map((n, key) => `${key}${n}`)).toEqualTypeOf<Table<string, string>>()
expectTypeOf(table.emit('update')).toEqualTypeOf<Stream<string, number>>()
expectTypeOf(table.changes()).toEqualTypeOf<
  Stream<string, { readonly before: number | undefined; readonly after: number | undefined }>
>()

// Windows: of anything, or of what their markers take.
expectTypeOf(tumbling('1 hour')).toEqualTypeOf<Windows<unknown>>()
expectTypeOf(session({ gap: 5 })).toEqualTypeOf<SessionWindows<unknown>>()
expectTypeOf(session({ endsWith: (v: Wide) => v.t === '' })).toEqualTypeOf<SessionWindows<Wide>>()
expectTypeOf<Windows<Wide>>().toExtend<Windows<Narrow>>()
expectTypeOf<Windows<Narrow>>().not.toExtend<Windows<Wide>>()
expectTypeOf(keyed.window(hopping(5, 1))).toEqualTypeOf<WindowedStream<string, Narrow>>()
expectTypeOf(keyed.window(sliding(5))).toEqualTypeOf<WindowedStream<string, Narrow>>()
expectTypeOf(keyed.window(session({ gap: 5 }))).toEqualTypeOf<SessionStream<string, Narrow>>()
expectTypeOf(keyed.window(session({ startsWith: (v) => v.n === 0 }))).toEqualTypeOf<SessionStream<string, Narrow>>()
const windowed = long.byKey().window(tumbling(5))
const rows = windowed.count('w')
expectTypeOf(rows).toEqualTypeOf<WindowedTable<bigint, number, number>>()
expectTypeOf(windowed.countByValue('w', String)).toEqualTypeOf<WindowedTable<bigint, Readonly<Record<string, number>>, number>>()
expectTypeOf(windowed.reduce('w', (left, right) => left + right)).toEqualTypeOf<WindowedTable<bigint, number, number>>()
expectTypeOf(
  keyed
    .window(session({ gap: 5 }))
    .aggregate('w', { initial: () => [''], add: (list, v) => [...list, v.t], merge: (left, right) => [...left, ...right] }),
).toEqualTypeOf<WindowedTable<string, string[], Narrow>>()
expectTypeOf(rows.emit('append')).toEqualTypeOf<Stream<bigint, Windowed<number> & { readonly closedBy: ClosedBy }>>()
expectTypeOf(rows.emit('update')).toEqualTypeOf<Stream<bigint, Windowed<number>>>()
expectTypeOf(rows.emit('complete')).toEqualTypeOf<Stream<bigint, Windowed<number>>>()
expectTypeOf(rows.late()).toEqualTypeOf<Stream<bigint, number>>()
expectTypeOf(rows.outside()).toEqualTypeOf<Stream<bigint, number>>()
expectTypeOf<WindowedTable<string, Narrow, Narrow>>().toExtend<WindowedTable<string, Wide, Wide>>()
expectTypeOf(rows.top('t', 3, (a: number, b: number) => b - a)).toEqualTypeOf<
  WindowedTable<string, readonly { readonly key: bigint; readonly value: number }[], never>
>()
expectTypeOf(keyed.count('c').top('t', 3, (a, b) => b - a)).toEqualTypeOf<
  Table<string, readonly { readonly key: string; readonly value: number }[]>
>()
expectTypeOf<OutputMode>().toEqualTypeOf<'append' | 'update' | 'complete'>()
expectTypeOf<IsJson<Windowed<number>>>().toEqualTypeOf<true>()

// What JSON keeps.
expectTypeOf<IsJson<Narrow>>().toEqualTypeOf<true>()
expectTypeOf<IsJson<unknown>>().toEqualTypeOf<true>()
expectTypeOf<IsJson<{ list: { at: Date }[] }>>().toEqualTypeOf<false>()
expectTypeOf<IsJson<bigint | string>>().toEqualTypeOf<false>()
expectTypeOf<IsJson<Buffer>>().toEqualTypeOf<false>()
expectTypeOf<IsJson<{ f: () => void }>>().toEqualTypeOf<false>()
