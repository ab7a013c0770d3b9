/** The topologies that are measured. Each reads `<name>-in` and writes `<name>-out`. */
import { json, type Stream, stream, topology } from '../../service/index.ts'
import type { AdEvent } from './events.ts'
import type { TimedEvent } from './paced.ts'

const events = (name: string): Stream<string, AdEvent> => stream(`${name}-in`, { value: json<AdEvent>() })

const counting = (name: string) =>
  topology(
    name,
    events(name)
      .filter((event) => event.type === 'view')
      .map((event) => ({ ad: event.ad, time: event.time }))
      .byKey()
      .count(`${name}-counts`)
      .emit('update')
      .map((count, { key }) => ({ key, count }))
      .to(`${name}-out`, { value: json() }),
  )

export const count = counting('count')
export const countMany = counting('count-many')
export const countRedis = counting('count-redis')

export const pass = topology('pass', events('pass').to('pass-out', { value: json() }))

const timed = (name: string): Stream<string, TimedEvent> => stream(`${name}-in`, { value: json<TimedEvent>() })

export const every100ms = topology('every-100-ms', timed('every-100-ms').to('every-100-ms-out', { value: json() }), {
  trigger: { every: 100 },
})
export const continuous = topology('continuous', timed('continuous').to('continuous-out', { value: json() }), {
  trigger: 'continuous',
})

/** Keeps the last event of each key, and says which process wrote it. */
const lastOfKey = (name: string) =>
  topology(
    name,
    timed(name)
      .byKey()
      .reduce(`${name}-last`, (_, event) => event)
      .emit('update')
      .map((event) => ({ ...event, process: process.pid }))
      .to(`${name}-out`, { value: json() }),
  )

export const restarted = lastOfKey('restarted')
export const takenOver = lastOfKey('taken-over')
export const emptyState = lastOfKey('empty-state')
export const fewKeys = lastOfKey('few-keys')
export const manyKeys = lastOfKey('many-keys')
export const restored = lastOfKey('restored')
export const steady = lastOfKey('steady')
export const steadyRedis = lastOfKey('steady-redis')
