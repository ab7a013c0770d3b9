import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf, verdictError } from '../../../service/commit/verdict-errors.ts'
import { type ErrorName, type RequestKind, type Verdict, verdictRows } from '../../../service/commit/verdicts.ts'
import { ConnectionError, FatalError, FencedError, KafkaError, LostError, RetakeError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'

describe('verdict errors', () => {
  const classes = {
    abort: RetakeError,
    fenced: FencedError,
    lost: LostError,
    fatal: FatalError,
    'retry-same': RetakeError,
    'refresh-and-retry': RetakeError,
    rejoin: RetakeError,
  }
  for (const [kind, { rows }] of Object.entries(verdictRows) as [RequestKind, (typeof verdictRows)[RequestKind]][]) {
    test(`each row of ${kind} becomes its class of error, with the place and the code`, () => {
      for (const [name, verdict] of Object.entries(rows) as [ErrorName, Verdict][]) {
        const error = errorOf(kind, errorCode[name], { topic: 'orders', partition: 3 })
        assert.ok(error instanceof classes[verdict])
        assert.match(error.message, new RegExp(`${kind} topic orders, partition 3: ${name}`))
        assert.equal(error.fields.errorCode, errorCode[name])
      }
    })
  }

  test('no answer on the way to a commit costs the batch, never the process', () => {
    const error = verdictError('Produce', new ConnectionError('closed'))
    assert.ok(error instanceof RetakeError)
  })

  test('an error code on the way is judged like one in an answer', () => {
    assert.ok(verdictError('TxnOffsetCommit', new KafkaError(errorCode.UNKNOWN_MEMBER_ID, 'x')) instanceof LostError)
    const bug = new TypeError('bug')
    assert.equal(verdictError('EndTxn', bug), bug)
  })
})
