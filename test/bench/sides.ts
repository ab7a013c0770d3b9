/** What is compared: each side beside the letter that asks for it, in the order in which they run. */
import type { SideSpec } from './throughput.ts'

export type LetteredSide = SideSpec & { readonly letter: string }

const inMemory = { usesRedis: false, repartition: null } as const
const inRedis = { usesRedis: true, repartition: null } as const

/** `records`: of the smaller inputs; Yahoo's have twice as many. */
export function sidesOf(records: number): readonly LetteredSide[] {
  return [...counting(records), ...yahoo(2 * records), ...bids(records)]
}

function counting(records: number): readonly LetteredSide[] {
  const side = { ...inMemory, input: 'events', records } as const
  const topology = { ...side, kind: 'topology' } as const
  return [
    { ...side, letter: 'a', kind: 'decode', topic: 'decode', name: '(a) fetch, decode' },
    { ...side, letter: 'b', kind: 'parse', topic: 'parse', name: '(b) fetch, decode, JSON.parse' },
    { ...topology, letter: 'c', topic: 'count', name: '(c) filter, map, byKey, count; 1 000 keys' },
    { ...topology, letter: 'm', topic: 'count-many', input: 'manyKeys', name: '(m) as (c); 1 000 000 keys' },
    { ...topology, ...inRedis, letter: 'd', topic: 'count-redis', name: '(d) as (c), state in Redis; 1 000 keys' },
    { ...topology, letter: 'e', topic: 'pass', name: '(e) parse, stringify; one out for one in' },
    { ...side, letter: 'f', kind: 'kafkajsCount', topic: 'kafkajs-count', name: '(f) as (c), by hand on stock kafkajs' },
    { ...side, letter: 'f', kind: 'kafkajsPass', topic: 'kafkajs-pass', name: '(f) as (e), by hand on stock kafkajs' },
  ]
}

function yahoo(records: number): readonly LetteredSide[] {
  const side = { ...inMemory, letter: 'y', kind: 'windows', records } as const
  const keyed = { ...side, input: 'yahooByCampaign' } as const
  const through = (topic: string) => ({ ...side, input: 'yahooByUser', topic, repartition: `${topic}-counts` }) as const
  return [
    { ...keyed, kind: 'parse', topic: 'yahoo-parse', name: '(y) Yahoo: fetch, decode, JSON.parse' },
    { ...keyed, topic: 'yahoo-keyed', name: '(y) views a campaign and 10 s, keyed input' },
    { ...keyed, ...inRedis, topic: 'yahoo-keyed-redis', name: '(y) the same, state in Redis' },
    { ...through('yahoo-repartition'), name: '(y) views a campaign and 10 s, through keyBy' },
    { ...through('yahoo-repartition-redis'), usesRedis: true, name: '(y) the same, state in Redis' },
  ]
}

function bids(records: number): readonly LetteredSide[] {
  const side = { ...inMemory, letter: 'w', kind: 'windows', input: 'bids', records } as const
  return [
    { ...side, kind: 'parse', topic: 'bids-parse', name: '(w) bids: fetch, decode, JSON.parse' },
    { ...side, topic: 'bids-tumbling', name: '(w) bids an auction, tumbling 10 s' },
    { ...side, topic: 'bids-hopping', name: '(w) hopping 10 s every 2 s' },
    { ...side, topic: 'bids-sessions', name: '(w) sessions, gap 10 s' },
  ]
}
