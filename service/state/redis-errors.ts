/** Errors of Redis and of its client as verdicts: the only place where they are told apart. */
import { type CaudalError, FatalError, StoreUnavailableError } from '../errors.ts'

/** First words of answers that pass by themselves, with what they mean; whether the command took effect is not asked. */
const passing: Readonly<Record<string, string>> = {
  ASK: 'its slots are moving',
  BUSY: 'a script blocks it',
  CLUSTERDOWN: 'the cluster is down',
  LOADING: 'it is loading its data',
  MASTERDOWN: 'its master is down',
  MISCONF: 'it refuses writes because it can not save',
  MOVED: 'its slots are moving',
  NOREPLICAS: 'it has too few replicas to write',
  OOM: 'its memory is full: raise maxmemory, or give it a larger machine',
  READONLY: 'it is a replica now',
  TRYAGAIN: 'its slots are moving',
  UNBLOCKED: 'it changed its role',
}

/** Texts of the client for a connection that is not there, or was closed before the answer. */
const connectionTexts = [
  'Command timed out',
  'Connection is closed',
  "Stream isn't writeable",
  'Cluster isn',
  'Socket timeout',
  'Too many Cluster redirections',
  'Cluster is ended',
  'None of startup nodes is available',
  'All sentinels are unreachable',
  'Command aborted due to connection close',
  'max number of clients reached',
]
const connectionErrors = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError'])

/** The error code of an answer, also where a script wraps it ("ERR Error running script (…): @user_script:1: -OOM command …"). */
function replyCode(message: string): string {
  return /@user_script[^-]*-([A-Z]+) /.exec(message)?.[1] ?? /^-?([A-Z]+)\b/.exec(message)?.[1] ?? ''
}

/**
 * StoreUnavailableError where waiting may help (no connection, no answer in time, a failover, full memory), else FatalError.
 * `doing` ends the sentence "Redis failed to …".
 */
export function redisError(error: unknown, doing: string, fields: Readonly<Record<string, unknown>> = {}): CaudalError {
  const { name, message, code }: Error & { code?: unknown } = error instanceof Error ? error : new Error(String(error))
  const options = { cause: error, fields: { ...fields, reply: message } }
  if (connectionErrors.has(name) || connectionTexts.some((text) => message.includes(text)) || typeof code === 'string')
    return new StoreUnavailableError(`Redis did not ${doing}: ${message}`, options)
  const meaning = passing[replyCode(message)]
  if (meaning !== undefined) return new StoreUnavailableError(`Redis did not ${doing}: ${meaning} (${message})`, options)
  if (replyCode(message) === 'WRONGTYPE') return new FatalError(`Redis failed to ${doing}: ${foreignKey} (${message})`, options)
  return new FatalError(`Redis failed to ${doing}: ${message}`, options)
}

const foreignKey =
  'another program keeps something else under a key of that store: delete the keys of the store, or use another database or application id'
