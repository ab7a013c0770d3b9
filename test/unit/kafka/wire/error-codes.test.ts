import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCode, errorName } from '../../../../service/kafka/wire/error-codes.ts'

test('codes have the names of the documentation, and an unknown one says so', () => {
  assert.equal(errorCode.FENCED_INSTANCE_ID, 82)
  assert.equal(errorName(51), 'CONCURRENT_TRANSACTIONS')
  assert.equal(errorName(-1), 'UNKNOWN_SERVER_ERROR')
  assert.equal(errorName(999), 'UNKNOWN_ERROR_999')
})
