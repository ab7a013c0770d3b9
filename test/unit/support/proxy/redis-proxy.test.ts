/** The proxy between a client that sends Redis' commands and a server that answers each with its number. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { until } from '../../../support/processes.ts'
import { commandOf, RespReader } from '../../../support/proxy/redis-frames.ts'
import { RedisProxy } from '../../../support/proxy/redis-proxy.ts'
import { ByteClient, ScriptedServer } from './bystanders.ts'

const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

async function bed(test: TestContext) {
  const served: string[] = []
  const server = await ScriptedServer.start(() => {
    const answers: string[] = []
    const commands = new RespReader((message) => {
      served.push(commandOf(message).join(' '))
      answers.push(`:${served.length}\r\n`)
    })
    return (piece) => {
      commands.push(piece)
      return answers.length === 0 ? null : Buffer.from(answers.splice(0).join(''))
    }
  })
  const proxy = await RedisProxy.start({ url: `redis://${server.address}` })
  const client = await ByteClient.connect(new URL(proxy.url).host)
  test.after(async () => {
    client.close()
    await proxy.close()
    await server.close()
  })
  const send = (...commands: readonly string[]) => void client.socket.write(commands.join(''))
  const text = () => client.received.toString()
  return { proxy, client, served, send, text }
}

test('messages of every type are found whole, however they are cut', () => {
  const messages = [
    '+OK\r\n',
    '-ERR no\r\n',
    ':12\r\n',
    '$5\r\nab\r\nc\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*2\r\n$1\r\na\r\n*1\r\n:1\r\n',
    '%1\r\n+a\r\n_\r\n',
    '~1\r\n#t\r\n',
    ',1.5\r\n',
    '(12345678901234567890\r\n',
    '!3\r\nERR\r\n',
    '=7\r\ntxt:abc\r\n',
    '|1\r\n+a\r\n+b\r\n:3\r\n',
    '>1\r\n+push\r\n',
  ]
  const all = Buffer.from(messages.join(''))
  for (let pieceBytes = 1; pieceBytes <= all.length; pieceBytes++) {
    const found: string[] = []
    const reader = new RespReader((message) => found.push(message.toString()))
    for (let at = 0; at < all.length; at += pieceBytes) reader.push(all.subarray(at, at + pieceBytes))
    assert.deepEqual(found, messages, `in pieces of ${pieceBytes}`)
  }
})

test('what is not RESP is an error', () => {
  assert.throws(() => new RespReader(() => {}).push(Buffer.from('GET a\r\n')), /not RESP/)
  assert.throws(() => commandOf(Buffer.from('+OK\r\n')), /not a command/)
})

test('commands go through, and are counted by name and script', async (test) => {
  const { proxy, served, send, text } = await bed(test)
  const source = readFileSync(new URL('../../../../service/state/lua/apply-chunk.lua', import.meta.url), 'utf8')
  const whole = `-- what all have in common\n${source}`
  const sha = createHash('sha1').update(whole).digest('hex')
  send(command('get', 'a'), command('EVAL', whole, '1', 'a'), command('EVALSHA', sha, '1', 'a'))
  send(command('EVALSHA', 'f'.repeat(40), '0'))
  await until(() => text() === ':1\r\n:2\r\n:3\r\n:4\r\n', 'all are answered')
  assert.equal(served[0], 'get a')
  assert.deepEqual(
    [...proxy.seen],
    [
      ['GET', 1],
      ['EVAL', 1],
      ['apply-chunk', 2],
      ['EVALSHA', 2],
      ['f'.repeat(40), 1],
    ],
  )
})

test('a script is found by its name, whether it is sent whole or not, and by its words', async (test) => {
  const { proxy, served, send } = await bed(test)
  const planned = proxy.plan({
    command: 'script',
    at: 'request',
    nth: 2,
    where: { script: 'apply-chunk', word: '^a$' },
    does: { kind: 'hold' },
  })
  const source = readFileSync(new URL('../../../../service/state/lua/apply-chunk.lua', import.meta.url), 'utf8')
  send(command('EVAL', source, '1', 'a'), command('EVAL', source, '1', 'b'), command('EVAL', 'return 1', '0'))
  send(command('EVAL', source, '1', 'a'), command('GET', 'x'))
  await planned.hit
  await until(() => served.length === 3, 'those before it have arrived')
  planned.release()
  await until(() => served.length === 5, 'it arrives, and what is behind it')
})

test('with one that is dropped, nothing behind it arrives', async (test) => {
  const { proxy, client, served, send, text } = await bed(test)
  proxy.plan({ command: 'GET', at: 'answer', nth: 2, does: { kind: 'drop' } })
  send(command('GET', 'a'), command('GET', 'b'), command('GET', 'c'))
  await until(() => served.length === 3, 'all arrive')
  await client.receives(4)
  assert.equal(text(), ':1\r\n')
  const another = await ByteClient.connect(new URL(proxy.url).host)
  another.socket.write(command('GET', 'd'))
  assert.equal((await another.receives(4)).toString(), ':4\r\n')
  another.close()
})

test('a duplicate runs twice, and one answer to it comes back, in its place', async (test) => {
  const { proxy, served, send, text } = await bed(test)
  proxy.plan({ command: 'INCR', at: 'request', nth: 1, does: { kind: 'duplicate' } })
  send(command('INCR', 'a'), command('GET', 'a'))
  await until(() => text() === ':1\r\n:3\r\n', 'both are answered')
  assert.deepEqual(served, ['INCR a', 'INCR a', 'GET a'])
  assert.throws(() => proxy.plan({ command: 'GET', at: 'answer', nth: 1, does: { kind: 'duplicate' } }), RangeError)
})
