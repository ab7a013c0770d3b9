import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FatalError, StoreUnavailableError } from '../../../service/errors.ts'
import { redisError } from '../../../service/state/redis-errors.ts'

const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
const reply = (message: string): Error => named('ReplyError', message)
const system = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1:6379`), { code })

const unavailable: readonly Error[] = [
  new Error('Connection is closed.'),
  new Error('Command timed out'),
  new Error("Stream isn't writeable and enableOfflineQueue options is false"),
  new Error("Cluster isn't ready and enableOfflineQueue options is false"),
  new Error('Socket timeout. Expecting data, but didn’t receive any in 1000ms.'),
  new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 3999 127.0.0.1:6381'),
  new Error('None of startup nodes is available'),
  named('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0).'),
  named('ClusterAllFailedError', 'Failed to refresh slots cache.'),
  named('AbortError', 'Command aborted due to connection close'),
  system('ECONNREFUSED'),
  system('ECONNRESET'),
  system('EPIPE'),
  system('ETIMEDOUT'),
  system('ENOTFOUND'),
  reply("READONLY You can't write against a read only replica. script: 0a1b, on @user_script:12."),
  reply('LOADING Redis is loading the dataset in memory'),
  reply("OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:97."),
  reply(
    "ERR Error running script (call to f_0a1b): @user_script:97: @user_script: 97: -OOM command not allowed when used memory > 'maxmemory'.",
  ),
  reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
  reply('CLUSTERDOWN The cluster is down'),
  reply('CLUSTERDOWN Hash slot not served'),
  reply('TRYAGAIN Multiple keys request during rehashing of slot'),
  reply('MOVED 3999 127.0.0.1:6381'),
  reply('ASK 3999 127.0.0.1:6381'),
  reply('BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'),
  reply('NOREPLICAS Not enough good replicas to write.'),
  reply('MISCONF Redis is configured to save RDB snapshots, but it’s currently unable to persist to disk.'),
  reply('UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'),
  reply('ERR max number of clients reached'),
]

const fatal: readonly unknown[] = [
  reply('WRONGTYPE Operation against a key holding the wrong kind of value'),
  reply('WRONGTYPE Operation against a key holding the wrong kind of value script: 0a1b, on @user_script:30.'),
  reply('ERR Error running script (call to f_0a1b): @user_script:3: attempt to index a nil value'),
  reply("CROSSSLOT Keys in request don't hash to the same slot"),
  reply('NOAUTH Authentication required.'),
  reply('WRONGPASS invalid username-password pair or user is disabled.'),
  reply("NOPERM this user has no permissions to run the 'evalsha' command"),
  new TypeError('x is not a function'),
  'a text',
]

for (const error of unavailable) {
  it(`waits after: ${error.message.slice(0, 60)}`, () => {
    const verdict = redisError(error, 'run apply-chunk', { store: 's' })
    assert.ok(verdict instanceof StoreUnavailableError)
    assert.equal(verdict.cause, error)
    assert.equal(verdict.fields['store'], 's')
    assert.match(verdict.message, /Redis did not run apply-chunk/)
  })
}
for (const error of fatal) {
  it(`ends after: ${String(error).slice(0, 60)}`, () => {
    assert.ok(redisError(error, 'run apply-chunk') instanceof FatalError)
  })
}
