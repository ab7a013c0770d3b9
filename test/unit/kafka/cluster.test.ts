/** The cluster's metadata: what becomes of a topic that may not be seen, or has no leader. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { FatalError, KafkaError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { Bed } from './bed.ts'

describe('the metadata of topics', () => {
  const bed = new Bed()
  after(() => bed.close())

  const answering = (name: string, code: number) => {
    const topics = [{ errorCode: code, name, topicId: '0'.repeat(32), isInternal: false, partitions: [] }]
    bed.wire.fault = ({ api }) => (api === 'Metadata' ? { answer: { topics, brokers: [], controllerId: -1 } } : 'pass')
  }

  it('ends with a sentence where the topic may not be seen: asking again would not help', async () => {
    answering('secret', errorCode.TOPIC_AUTHORIZATION_FAILED)
    await assert.rejects(bed.cluster.topics(['secret']), (error) => {
      assert.ok(error instanceof FatalError)
      assert.match(error.message, /Metadata topic secret: TOPIC_AUTHORIZATION_FAILED; give this user the rights/)
      return true
    })
  })

  it('leaves it to the caller to ask again where the broker has trouble of its own', async () => {
    answering('orders', errorCode.UNKNOWN_SERVER_ERROR)
    await assert.rejects(bed.cluster.topics(['orders']), (error) => error instanceof KafkaError)
  })

  it('takes a topic that is not there for absent', async () => {
    answering('nowhere', errorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal((await bed.cluster.topics(['nowhere'])).size, 0)
  })
})
