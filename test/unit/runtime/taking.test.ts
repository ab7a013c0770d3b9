/** P8 to P11: in which order a task is taken, who is in the way, what must agree, and where it begins. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeOffsetMetadata, decodeOffsetMetadata } from '../../../service/commit/offset-metadata.ts'
import { json, stream, type Topology, topology } from '../../../service/index.ts'
import { deleteRecordsBefore } from '../../../service/kafka/internal-topics.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { cut } from '../../../service/batch/cutting.ts'
import { silentLog } from '../../../service/log.ts'
import { type Metrics, noMetrics } from '../../../service/metrics.ts'
import { type FromWorker, SharedFlags } from '../../../service/runtime/seam.ts'
import { intervalTrigger } from '../../../service/runtime/trigger.ts'
import { Worker } from '../../../service/runtime/worker.ts'
import type { TaskId } from '../../../service/task-id.ts'
import { FaultyWire, held, type Sent } from '../../support/faulty-wire.ts'
import { assertOnce, byKey, copies, numbers } from '../../support/numbers.ts'
import { application, type BedProcess, onBed, type ProcessBed, running, settings } from '../../support/process-bed.ts'

const changelog = 'app-total-changelog'
const values = (bed: ProcessBed, topic: string) => byKey(bed, topic).get('a')

/** Processes the numbers 1, 2, 3 of one key, and stops: the group is empty then. */
async function history(bed: ProcessBed): Promise<void> {
  const first = bed.start({ instanceId: null, store: 'scripted' })
  await bed.until('it runs', running(bed, bed.prepared.plan.tasks.length))
  for (const value of [1, 2, 3]) {
    bed.send('in', { key: 'a', value })
    await bed.drained('in')
  }
  await bed.stop(first)
  assert.equal(first.outcome?.exitCode, 0)
}

/** A process that refuses to go on; what it says, and how long it tried. */
async function refusal(
  bed: ProcessBed,
): Promise<{ readonly message: string; readonly ms: number; readonly process: BedProcess }> {
  const before = bed.committed('copy').length
  const since = bed.clock.monotonic()
  const process = bed.start({ instanceId: null, store: 'scripted' })
  bed.send('in', { key: 'a', value: 1000 })
  await bed.until('it has ended', () => process.outcome !== null)
  assert.equal(process.outcome?.exitCode, 1)
  assert.equal(bed.committed('copy').length, before, 'it has processed nothing')
  return { message: process.fault, ms: bed.clock.monotonic() - since, process }
}

/** A worker whose supervisor is the test. */
const workerOn = (bed: ProcessBed, wire: FaultyWire, post: (message: FromWorker) => void = () => {}) =>
  new Worker({
    ...bed.prepared,
    ids: { worker: 0, group: application, transactionalIds: ['app.b.0'] },
    settings,
    wire,
    backend: bed.store.backend(bed.clock),
    clock: bed.clock,
    log: silentLog,
    metrics: noMetrics,
    flags: new SharedFlags(),
    trigger: intervalTrigger(bed.clock, 100),
    cut,
    registry: null,
    post,
  })

describe('P8: the steps of taking a task', () => {
  const sums = topology(
    'two',
    stream(['left', 'right'], { value: json<number>() })
      .byKey()
      .sum('total', (number) => number)
      .to('sums', { value: json() }),
  )

  test('stable offsets of all its partitions at once, acquire, the end of the changelog, restore, then the input', () =>
    onBed({ topology: sums }, async (bed) => {
      const first = bed.start({ instanceId: 'a', store: 'scripted' })
      await bed.until('it runs', running(bed, 1))
      bed.send('left', { key: 'a', value: 1 })
      bed.send('right', { key: 'a', value: 2 })
      await bed.until('all is committed', () => bed.offset('left') === 1 && bed.offset('right') === 1)
      await bed.stop(first)
      bed.store.loseEverything()
      const steps: (Sent | 'acquire')[] = []
      bed.store.fault = (script) => {
        if (script === 'acquire') steps.push('acquire')
        return 'none'
      }
      const second = bed.start({ instanceId: 'a', store: 'scripted' })
      second.wire.onSent = (sent) => steps.push(sent)
      await bed.until('it runs again', () => second.running.length === 1)
      await bed.pass(100)

      const find = (is: (step: Sent) => boolean) => steps.findIndex((step) => step !== 'acquire' && is(step))
      const isOn = (topic: string) => (step: Sent<'Fetch'> | Sent<'ListOffsets'>) =>
        step.body.topics.some((one) => ('topic' in one ? one.topic : one.name) === topic)
      const order = [
        find(({ api }) => api === 'InitProducerId'),
        find(({ api }) => api === 'JoinGroup'),
        find(({ api }) => api === 'OffsetFetch'),
        steps.indexOf('acquire'),
        find((step) => step.api === 'ListOffsets' && isOn(changelog)(step as Sent<'ListOffsets'>)),
        find((step) => step.api === 'Fetch' && isOn(changelog)(step as Sent<'Fetch'>)),
        find((step) => step.api === 'Fetch' && isOn('left')(step as Sent<'Fetch'>)),
      ]
      assert.ok(!order.includes(-1), `each step was made: ${order.join(', ')}`)
      assert.deepEqual(
        order.toSorted((a, b) => a - b),
        order,
      )

      const [offsets, ...others] = second.wire.of('OffsetFetch')
      assert.deepEqual(others, [])
      assert.equal(offsets?.body.requireStable, true)
      assert.deepEqual(offsets?.body.topics?.map(({ name }) => name).toSorted(), ['left', 'right'])
      const end = second.wire.of('ListOffsets').find((sent) => isOn(changelog)(sent))
      assert.equal(end?.body.isolationLevel, 0, 'the end is that of all records, committed or not')
      const restore = second.wire.of('Fetch').filter((sent) => isOn(changelog)(sent))
      assert.ok(
        restore.every(({ body }) => body.isolationLevel === 1),
        'what is read is committed',
      )
    }))
})

describe('P9: what is stuck behind a transaction', () => {
  const takes = async (bed: ProcessBed) => {
    const since = bed.clock.monotonic()
    const process = bed.start({ instanceId: 'b', store: 'scripted' })
    await bed.until('it runs', () => process.running.length === 1)
    return { ms: bed.clock.monotonic() - since, process }
  }
  const fencings = ({ wire }: BedProcess) => wire.of('InitProducerId').filter(({ purpose }) => purpose === 'recovery')

  const dead = {
    'the group’s offsets': { id: 'app.dead.0', writes: 'copy' },
    'our changelog, of whomever': { id: 'stranger', writes: changelog },
  } as const
  for (const [where, { id, writes }] of Object.entries(dead)) {
    test(`on ${where}: fenced within milliseconds, and the task is taken from the first step again`, () =>
      onBed({ topology: numbers }, async (bed) => {
        await history(bed)
        const commits = writes === 'copy' ? { commits: { topic: 'in', offset: 77 } } : {}
        await bed.openTransaction(id, { writes: { topic: writes, key: Buffer.from('\u0001a'), value: '99' }, ...commits })
        let acquired = 0
        bed.store.fault = (script) => {
          if (script === 'acquire') acquired += 1
          return 'none'
        }
        const { ms, process } = await takes(bed)
        assert.ok(ms >= 100 && ms < 400, `it took ${ms} ms; the transaction’s time-out is 60 s`)
        assert.deepEqual([...new Set(fencings(process).map(({ body }) => body.transactionalId))], [id])
        const fencedAt = fencings(process).at(-1)?.index ?? -1
        assert.ok(
          process.wire.of('OffsetFetch').some(({ index }) => index > fencedAt),
          'step 1 again',
        )
        assert.equal(acquired, writes === 'copy' ? 1 : 2, 'step 2, again where it had been made')
        bed.send('in', { key: 'a', value: 4 })
        await bed.drained('in')
        assertOnce(bed)
      }))
  }

  test('a process that died within its commit: its successor waits for what is prepared, fences nobody and counts it', () =>
    onBed({ topology: numbers, markerDelayMs: 'manual' }, async (bed) => {
      const first = bed.start({ instanceId: 'a', store: 'scripted' })
      await bed.until('it runs', running(bed, 1))
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('its commit is prepared', () => first.wire.of('EndTxn').length === 1)
      await bed.stop(first, { graceful: false })
      const second = bed.start({ instanceId: 'b', store: 'scripted' })
      await bed.until('it takes the task', () => second.wire.of('OffsetFetch').length > 0)
      await bed.pass(2000)
      assert.equal(second.running.length, 0)
      assert.deepEqual(fencings(second), [])
      while (bed.kafka.landMarker()) await bed.pass(200)
      await bed.until('it runs', () => second.running.length === 1)
      bed.send('in', { key: 'a', value: 2 })
      await bed.until('its commit is prepared', () => second.wire.of('EndTxn').length === 1)
      while (bed.kafka.landMarker()) await bed.turn()
      assertOnce(bed)
    }))

  test('a live member’s transaction is left alone, until the leader announces its id no more', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      await bed.openTransaction('app.live.0', { commits: { topic: 'in', offset: 77 } })
      const posted: FromWorker[] = []
      const wire = new FaultyWire(bed.kafka.wire('b'))
      const worker = workerOn(bed, wire, (message) => void posted.push(message))
      const done = worker.run()
      const assigned = {
        kind: 'assigned',
        membership: { generation: 1, memberId: 'm', instanceId: null },
        fingerprint: '',
      } as const
      worker.deliver({ ...assigned, tasks: ['0_0'], liveIds: ['app.b.0', 'app.live.0'] })
      const isFenced = () => wire.of('InitProducerId').some(({ body }) => body.transactionalId === 'app.live.0')
      const runs = () => posted.some(({ kind }) => kind === 'running')
      await bed.pass(3000)
      assert.deepEqual([isFenced(), runs()], [false, false])
      worker.deliver({ ...assigned, tasks: ['0_0'], liveIds: ['app.b.0'] })
      await bed.until('it runs', runs, 1000)
      assert.ok(isFenced())
      worker.deliver({ kind: 'stop', deadlineMs: 1000 })
      await bed.during(done)
    }))

  test('the dead writer is a process of ours that stands still in its commit, and is no member any more', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      first.wire.plan({ api: 'EndTxn', fault: { kind: 'hold', until: new Promise(() => {}) } })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('it commits', () => first.wire.of('EndTxn').length === 1)
      first.wire.plan({ api: 'Heartbeat', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
      const second = bed.start({ instanceId: 'b' })
      await bed.until('the other has the task', () => second.wire.of('OffsetFetch').length > 0)
      const since = bed.clock.monotonic()
      await bed.until('it runs', () => second.running.length === 1)
      assert.ok(bed.clock.monotonic() - since < 400)
      assert.deepEqual([...new Set(fencings(second).map(({ body }) => body.transactionalId))], ['app.a.0'])
      await bed.drained('in')
      assertOnce(bed)
    }))
})

describe('P10: offsets, changelogs and topics must say the same', () => {
  test('each transaction writes a progress record to the changelog of each task that it touches', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      const records = bed.committed(changelog).filter((record) => record.startsWith('\u0000='))
      const positions = records.map((record) => JSON.parse(record.slice(2)).positions[0].position)
      assert.deepEqual(positions, [1, 2, 3])
      const metadata = decodeOffsetMetadata(bed.metadata('in'))
      assert.equal(metadata?.batch, 3)
      const columns = bed.kafka.records(changelog, 0, 'committed')
      assert.equal(metadata?.stores['total']?.[1], columns.offsets[columns.count - 1])
    }))

  for (const offset of [0, 1, 4]) {
    test(`an offset that was set by hand (to ${offset}) stops it`, () =>
      onBed({ topology: numbers }, async (bed) => {
        await history(bed)
        bed.send('in', { key: 'a', value: 4 })
        await bed.setOffset('in', 0, offset)
        const { message } = await refusal(bed)
        assert.match(message, new RegExp(`in.*is ${offset}, but its state stands at 3: the offset was set by hand`))
        assert.match(message, /delete/)
      }))
  }

  test('an offset that expired is taken from the progress record', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      bed.kafka.expireOffsets(application)
      const process = bed.start({ instanceId: null, store: 'scripted' })
      bed.send('in', { key: 'a', value: 4 })
      await bed.drained('in')
      assertOnce(bed)
      assert.equal(process.wire.of('OffsetCommit').length, 0, 'no start position')
    }))

  test('the offset of one of two partitions expired: the other one’s, and the record’s', () => {
    const both = topology(
      'two',
      stream(['in', 'more'], { value: json<number>() })
        .byKey()
        .sum('total', (number) => number)
        .to('sums', { value: json() }),
    )
    return onBed({ topology: both }, async (bed) => {
      await history(bed)
      bed.kafka.expireOffsets(application, { topic: 'in', partition: 0 })
      bed.start({ instanceId: null, store: 'scripted' })
      bed.send('in', { key: 'a', value: 4 })
      bed.send('more', { key: 'a', value: 5 })
      await bed.until('all is committed', () => bed.offset('in') === 4 && bed.offset('more') === 1)
      assert.equal(values(bed, 'sums')?.at(-1), 15)
    })
  })

  test('a changelog that is shorter than the metadata says is looked at again for a while, then it stops', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      const metadata = decodeOffsetMetadata(bed.metadata('in'))
      assert.ok(metadata)
      const [topicId = '', last = 0] = metadata.stores['total'] ?? []
      await bed.setOffset('in', 0, 3, encodeOffsetMetadata({ ...metadata, stores: { total: [topicId, last + 10] } }))
      const { message, ms, process } = await refusal(bed)
      assert.match(message, /changelog lost: app-total-changelog/)
      assert.ok(ms >= 5000 && ms < 10_000, `${ms} ms`)
      assert.ok(process.wire.of('OffsetFetch').length > 5)
    }))

  test('a leader that does not know its end yet is believed when it does', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      const process = bed.start({ instanceId: null, store: 'scripted' })
      const isEnd = ({ body }: Sent<'ListOffsets'>) =>
        body.topics.some(({ name, partitions }) => name === changelog && partitions[0]?.timestamp === -1)
      process.wire.plan({ api: 'ListOffsets', when: isEnd, times: 3, fault: { kind: 'change', change: endAt(1) } })
      bed.send('in', { key: 'a', value: 4 })
      await bed.drained('in')
      assert.ok(process.wire.isOver)
      assertOnce(bed)
    }))

  test('an input topic that was deleted and created again stops it, though its offset went with it', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      await bed.recreateTopic('in')
      const { message } = await refusal(bed)
      assert.match(message, /topic in was deleted and created again/)
    }))

  test('so does a changelog that was, and one that is gone', async (t) => {
    await t.test('created again', () =>
      onBed({ topology: numbers }, async (bed) => {
        await history(bed)
        await bed.recreateTopic(changelog)
        assert.match((await refusal(bed)).message, /topic app-total-changelog was deleted and created again/)
      }),
    )
    await t.test('gone', () =>
      onBed({ topology: numbers }, async (bed) => {
        await history(bed)
        await bed.deleteTopic(changelog)
        assert.match((await refusal(bed)).message, /changelog lost: app-total-changelog: the topic does not exist/)
      }),
    )
  })

  const withCount = () => {
    const input = stream('in', { value: json<number>() })
    const sums = input
      .byKey()
      .sum('total', (number) => number)
      .emit('update')
      .to('sums', { value: json() })
    const counts = input.byKey().count('times').emit('update').to('counts', { value: json() })
    return topology('numbers', [input.to('copy', { value: json() }), sums, counts])
  }
  const goesOnAs = async (bed: ProcessBed, next: Topology) => {
    if (!bed.kafka.topics().some(({ name }) => name === 'counts')) bed.kafka.createTopic('counts', { partitions: 1 })
    return bed.start({ instanceId: null, store: 'scripted', prepared: await bed.prepare(next) })
  }

  test('a store that is new begins empty, beside the one that is there', () =>
    onBed({ topology: numbers }, async (bed) => {
      await history(bed)
      await goesOnAs(bed, withCount())
      bed.send('in', { key: 'a', value: 4 })
      await bed.drained('in')
      assert.deepEqual(values(bed, 'counts'), [1])
      assertOnce(bed)
    }))

  test('who was replaced between the restores of two stores is no stranger to either', () =>
    onBed({ topology: numbers }, async (bed) => {
      const first = await goesOnAs(bed, withCount())
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      await bed.stop(first)
      const twin = { instanceId: 'a', store: 'memory', prepared: await bed.prepare(withCount()) } as const
      const replaced = bed.start(twin)
      const [restore, heartbeats] = [held('hold'), held('hold')]
      const asksForSecond = ({ body }: Sent<'ListOffsets'>) => body.topics.some(({ name }) => name === 'app-times-changelog')
      replaced.wire.plan({ api: 'ListOffsets', when: asksForSecond, fault: restore.fault })
      replaced.wire.plan({ api: 'Heartbeat', fault: heartbeats.fault, times: Number.POSITIVE_INFINITY })
      await bed.until('one store is restored', () => replaced.wire.hit.some(({ api }) => api === 'ListOffsets'))
      const next = bed.start(twin)
      bed.send('in', { key: 'a', value: 2 })
      await bed.drained('in')
      restore.release()
      await bed.pass(1000)
      assert.equal(replaced.fault, '', 'it takes the task again, until it is told')
      heartbeats.release()
      await bed.until('it is told', () => replaced.outcome !== null)
      assert.match(replaced.fault, /instance id/)
      bed.send('in', { key: 'a', value: 3 })
      await bed.drained('in')
      assert.equal(next.fault, '')
      assertOnce(bed)
    }))

  for (const [held, store, where] of [
    ['in the changelog', 'memory', /app-total-changelog/],
    ['in Redis', 'scripted', /in scripted/],
  ] as const)
    test(`another topology with a store of that name is refused by its fingerprint ${held}, also when nobody is in the group`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const first = await goesOnAs(bed, numbers)
        bed.send('in', { key: 'a', value: 1 })
        await bed.drained('in')
        await bed.stop(first)
        const texts = stream('in', { value: json<number>() })
          .byKey()
          .aggregate('total', { initial: () => '', add: (all, number) => `${all}${number}`, state: json<string>() })
          .emit('update')
          .to('sums', { value: json() })
        const second = bed.start({ instanceId: null, store, prepared: await bed.prepare(topology('texts', texts)) })
        await bed.until('it has ended', () => second.outcome !== null)
        assert.equal(second.outcome?.exitCode, 1)
        assert.match(second.fault, /store total is kept otherwise .*application id/)
        assert.match(second.fault, where)
        const third = await goesOnAs(bed, numbers)
        bed.send('in', { key: 'a', value: 2 })
        await bed.drained('in')
        assert.equal(third.fault, '')
        assertOnce(bed)
      }))

  for (const forgotten of [false, true]) {
    test(`a store that comes back after a time without it is not taken for whole${forgotten ? ', not even when the offsets expired' : ''}`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const first = await goesOnAs(bed, withCount())
        bed.send('in', { key: 'a', value: 1 })
        await bed.drained('in')
        await bed.stop(first)
        const second = await goesOnAs(bed, numbers)
        bed.send('in', { key: 'a', value: 2 })
        await bed.drained('in')
        await bed.stop(second)
        if (forgotten) bed.kafka.expireOffsets(application)
        const third = await goesOnAs(bed, withCount())
        await bed.until('it has ended', () => third.outcome !== null)
        assert.match(third.fault, /times/)
        assert.match(third.fault, /earlier life/)
      }))
  }
})

const endAt = (offset: number) => (answer: { readonly topics: readonly { readonly partitions: readonly object[] }[] }) => ({
  ...answer,
  topics: answer.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((partition) => ({ ...partition, offset })),
  })),
})

describe('P11: where a task begins', () => {
  const from = (startAt: 'earliest' | 'latest' | { readonly timestamp: number }) =>
    topology('start', stream('in', { value: json<number>(), startAt }).to('copy', { value: json() }))
  const send = (bed: ProcessBed) => {
    for (const [value, time] of [1000, 2000, 3000].entries()) {
      bed.clock.setWall(time)
      bed.send('in', { key: 'a', value })
    }
  }
  const cases = [
    { startAt: 'earliest', position: 0 },
    { startAt: 'latest', position: 3 },
    { startAt: { timestamp: 1500 }, position: 1 },
    { startAt: { timestamp: 9000 }, position: 3 },
  ] as const
  for (const { startAt, position } of cases) {
    test(`${JSON.stringify(startAt)}: resolved and committed as a member before the first fetch`, () =>
      onBed({ topology: from(startAt) }, async (bed) => {
        send(bed)
        const process = bed.start({ instanceId: 'a' })
        await bed.until('it runs', running(bed, 1))
        const [commit, ...others] = process.wire.of('OffsetCommit')
        assert.deepEqual(others, [])
        const { generationIdOrMemberEpoch: generation, memberId, groupInstanceId } = commit?.body ?? {}
        assert.ok((generation ?? -1) >= 1 && memberId !== '')
        assert.equal(groupInstanceId, 'a-0')
        assert.equal(commit?.body.topics[0]?.partitions[0]?.committedOffset, position)
        await bed.pass(200)
        const [fetch] = process.wire.of('Fetch')
        assert.ok((fetch?.index ?? -1) > (commit?.index ?? Number.POSITIVE_INFINITY))
        assert.equal(fetch?.body.topics[0]?.partitions[0]?.fetchOffset, position)
        assert.deepEqual(bed.committed('copy'), bed.committed('in').slice(position))
      }))
  }

  for (const kind of ['lose-request', 'lose-answer'] as const) {
    test(`one whose commit has no answer (${kind}) is committed under another membership, for it may yet arrive`, () =>
      onBed({ topology: from('earliest') }, async (bed) => {
        send(bed)
        const process = bed.start({ instanceId: 'a' })
        process.wire.plan({ api: 'OffsetCommit', fault: { kind } })
        await bed.drained('in')
        const [first] = process.wire.of('OffsetCommit')
        const [written] = process.wire.of('TxnOffsetCommit')
        assert.ok(first !== undefined && written !== undefined)
        const node = first.node
        const late = await bed.kafka.wire('late').request(node, 'late', 'OffsetCommit', first.body)
        assert.notEqual(late.topics[0]?.partitions[0]?.errorCode, 0, 'what is late is refused')
        assert.notEqual(written.body.memberId, first.body.memberId)
        assert.deepEqual(bed.committed('copy'), bed.committed('in'))
      }))
  }

  test('a position once resolved holds: what came while nobody ran is processed', () =>
    onBed({ topology: from('latest') }, async (bed) => {
      const first = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      await bed.stop(first)
      bed.send('in', { key: 'a', value: 1 })
      bed.start({ instanceId: 'a' })
      await bed.drained('in')
      assert.deepEqual(values(bed, 'copy'), [1])
    }))

  test('partitions found after the first start begin at the earliest, whatever startAt says', () =>
    onBed({ topology: from('latest'), partitions: 3 }, async (bed) => {
      for (const partition of [0, 1, 2]) bed.send('in', { key: 'a', value: partition, partition })
      // As of a time when the topic had two partitions.
      const metadata = encodeOffsetMetadata({ batch: 1, partitionsAtStart: 2, watermarks: [null], stores: {} })
      await bed.setOffset('in', 0, 1, metadata)
      const process = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 3))
      await bed.drained('in', 3)
      assert.deepEqual(values(bed, 'copy'), [2])
      const committed = process.wire.of('OffsetCommit').flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions))
      const starts = committed.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset])
      assert.deepEqual(
        new Map(starts as [number, number][]),
        new Map([
          [1, 1],
          [2, 0],
        ]),
      )
    }))

  test('a start position is not committed by a member that the task was taken from meanwhile', () =>
    onBed({ topology: from('earliest'), partitions: 2 }, async (bed) => {
      for (const partition of [0, 1]) bed.send('in', { key: 'a', value: partition, partition })
      const first = bed.start({ instanceId: 'a' })
      const { fault, release } = held('hold-answer')
      first.wire.plan({ api: 'ListOffsets', fault, times: 2 })
      await bed.until('it asks where to begin', () => first.wire.of('ListOffsets').length === 2)
      const second = bed.start({ instanceId: 'b' })
      const taken = () => [0, 1].filter((partition) => bed.offset('in', partition) === 1)
      await bed.until('the other has read one of the two', () => taken().length === 1)
      release()
      await bed.until('both run', () => first.running.length === 1 && second.running.length === 1)
      await bed.drained('in', 2)
      const started = first.wire.of('OffsetCommit').flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions))
      assert.equal(started.length, 1)
      assert.deepEqual(values(bed, 'copy')?.toSorted(), [0, 1], 'each once')
    }))

  test('nor by one that lost its membership and has another one, while its loop has not heard of it', () =>
    onBed({ topology: from('earliest'), partitions: 2 }, async (bed) => {
      bed.send('in', { key: 'a', value: 1 })
      await bed.setOffset('in', 0, 0, encodeOffsetMetadata({ batch: 0, partitionsAtStart: 2, watermarks: [null], stores: {} }))
      const wire = new FaultyWire(bed.kafka.wire('b'))
      const worker = workerOn(bed, wire)
      const [looks, writes] = [held('hold-answer'), held('hold')]
      wire.plan({ api: 'ListOffsets', fault: looks.fault })
      wire.plan({ api: 'Produce', fault: writes.fault })
      const done = worker.run()
      const assigned = (generation: number, tasks: readonly TaskId[]) => {
        const membership = { generation, memberId: `m${generation}`, instanceId: null }
        worker.deliver({ kind: 'assigned', membership, tasks, fingerprint: '', liveIds: [] })
      }
      assigned(1, ['0_0', '0_1'])
      await bed.until('a batch is under way', () => wire.of('Produce').length === 1 && wire.of('ListOffsets').length === 1)
      worker.deliver({ kind: 'lost', reason: 'silence' })
      assigned(3, [])
      looks.release()
      await bed.pass(500)
      assert.deepEqual(wire.of('OffsetCommit'), [])
      writes.release()
      worker.deliver({ kind: 'stop', deadlineMs: 1000 })
      await bed.during(done)
      assert.deepEqual(wire.of('OffsetCommit'), [])
    }))

  test('a task without a store is taken too', () =>
    onBed({ topology: copies }, async (bed) => {
      await history(bed)
      bed.start({ instanceId: null })
      bed.send('in', { key: 'a', value: 4 })
      await bed.drained('in')
      assert.deepEqual(values(bed, 'copy'), [1, 2, 3, 4])
    }))
})

describe('input that was deleted before it was read', () => {
  const reading = (onDeleted?: 'stop' | 'earliest') =>
    topology('reading', [
      stream('in', { value: json<number>(), ...(onDeleted === undefined ? {} : { onDeleted }) })
        .byKey()
        .sum('total', (number) => number)
        .emit('update')
        .to('copy', { value: json() }),
    ])
  /** A process reads the first of five records; then those in front of `offset` are deleted. */
  const deletedUpTo = async (bed: ProcessBed, offset: number) => {
    bed.send('in', { key: 'a', value: 1 })
    const first = bed.start({ instanceId: null })
    await bed.drained('in')
    await bed.stop(first)
    for (const value of [10, 100, 1000, 10_000]) bed.send('in', { key: 'a', value })
    await bed.during(deleteRecordsBefore(bed.cluster, [{ topic: 'in', partition: 0, offset }]))
  }
  const counting = () => {
    const counts = new Map<string, number>()
    const add: Metrics['add'] = (name, value) => void counts.set(name, (counts.get(name) ?? 0) + value)
    return { counts, metrics: { ...noMetrics, add } }
  }

  for (const onDeleted of [undefined, 'stop'] as const) {
    test(`is a fault that names both offsets, with onDeleted ${onDeleted ?? 'left out'}`, () =>
      onBed({ topology: reading(onDeleted) }, async (bed) => {
        await deletedUpTo(bed, 3)
        const process = bed.start({ instanceId: null })
        await bed.until('it has ended', () => process.outcome !== null)
        assert.equal(process.outcome?.exitCode, 1)
        assert.match(
          process.fault,
          /in, partition 0: offset 1 is asked for, and the log has 3 to 5: those records have been deleted/,
        )
        assert.match(process.fault, /onDeleted: 'earliest'/)
        assert.equal(bed.offset('in'), 1)
      }))
  }

  test('is no fault where others have read it and gone on, though a coordinator that still loads says that one is a member', () =>
    onBed({ topology: reading('stop') }, async (bed) => {
      const older = bed.start({ instanceId: 'a' })
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      const fetch = held('hold')
      older.wire.plan({ api: 'Fetch', fault: fetch.fault, times: Number.POSITIVE_INFINITY })
      const member = { kind: 'answer', answer: { throttleTimeMs: 0, errorCode: errorCode.NONE } } as const
      older.wire.plan({ api: 'Heartbeat', fault: member, times: Number.POSITIVE_INFINITY })
      await bed.until('it asks for more', () => older.wire.hit.some(({ api }) => api === 'Fetch'))
      bed.send('in', { key: 'a', value: 10 }, { key: 'a', value: 100 })
      const younger = bed.start({ instanceId: 'a' })
      await bed.drained('in')
      await bed.during(deleteRecordsBefore(bed.cluster, [{ topic: 'in', partition: 0, offset: 3 }]))
      fetch.release()
      await bed.pass(2000)
      assert.equal(older.fault, '', 'it takes its task again, until it is told')
      older.wire.clear()
      await bed.until('it is told', () => older.outcome !== null)
      assert.match(older.fault, /instance id/)
      bed.send('in', { key: 'a', value: 1000 })
      await bed.drained('in')
      assert.equal(younger.fault, '')
      assert.deepEqual(values(bed, 'copy'), [1, 111, 1111])
    }))

  for (const { upTo, sums } of [
    { upTo: 3, sums: [1, 1001, 11_001] },
    { upTo: 5, sums: [1] },
  ]) {
    test(`is left out and counted with onDeleted: 'earliest', where ${5 - upTo} records are left`, () =>
      onBed({ topology: reading('earliest') }, async (bed) => {
        await deletedUpTo(bed, upTo)
        const { counts, metrics } = counting()
        const process = bed.start({ instanceId: null, metrics, settings: { batchRecordsMax: 1 } })
        await bed.drained('in')
        assert.deepEqual(values(bed, 'copy'), sums)
        assert.equal(counts.get('caudal_records_deleted_total'), upTo - 1)
        const told = process.logged.find(({ message }) => message.includes('deleted before they were read'))
        assert.deepEqual(told?.fields, { topic: 'in', partition: 0, offset: upTo, deleted: upTo - 1 })
      }))
  }
})
