/** What Redis holds of the stores of an application, as the checker compares it with changelogs; read without any code of the service. */
import type { HeldStore } from './checker/history.ts'
import { redisHashes } from './redis-contents.ts'

const keyedShape = '\x01'
const bucketedShape = '\x02'

/** Entries by the key that they have in the changelog. */
export async function heldStores(url: string, application: string): Promise<readonly HeldStore[]> {
  const stores = new Map<string, HeldStore & { readonly entries: Map<string, string> }>()
  for (const [name, fields] of await redisHashes(url, application)) {
    const [, tag = '', part = ''] = /^\{(.*)\}:(.*)$/s.exec(name) ?? []
    if (part === 'm') continue
    const [store = '', partition] = tag.slice(application.length + 1).split(':')
    const held = stores.get(tag) ?? { store, partition: Number(partition), entries: new Map<string, string>() }
    stores.set(tag, held)
    const prefix = part === 'k' ? keyedShape : bucketedShape + Buffer.from(part.slice(2), 'hex').toString('latin1')
    for (const [field, value] of fields) held.entries.set(prefix + Buffer.from(field).toString('latin1'), value)
  }
  return [...stores.values()]
}
