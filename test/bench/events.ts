/** Events of 240 bytes of JSON, keyed by user. */
import type { InputRecord } from './input.ts'

export interface AdEvent {
  readonly user: string
  readonly page: string
  readonly ad: string
  readonly kind: string
  readonly type: 'view' | 'click' | 'purchase'
  readonly time: number
  readonly address: string
}

const eventBytes = 240
const types = ['view', 'click', 'purchase'] as const
const kinds = ['banner', 'modal', 'search', 'mail', 'mobile']
/** Prime to every number of keys used here: keys come in no order, and equally often. */
const stride = 7919

const word = (prefix: string, n: number) => `${prefix}-${n}-`.padEnd(36, 'x')

/** Event number `n`: one in three is a view, whichever key it has. */
export function eventOf(n: number, keys: number, time: number): InputRecord {
  const key = `user-${(n * stride) % keys}`
  const event: AdEvent = {
    user: key,
    page: word('page', n % 100),
    ad: word('ad', (n * 31) % 1000),
    kind: kinds[n % 5] ?? '',
    type: types[(n + Math.floor(n / keys)) % 3] ?? 'view',
    time,
    address: '',
  }
  const short = JSON.stringify(event)
  const value = `${short.slice(0, -2)}${'.'.repeat(Math.max(0, eventBytes - short.length))}"}`
  return { key, value, time }
}
