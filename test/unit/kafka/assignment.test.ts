import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AssignmentMember, assignTasks } from '../../../service/kafka/assignment.ts'
import { parseTaskId, type TaskId, taskId } from '../../../service/task-id.ts'

const tasksOf = (subtopologies: number, partitions: number): TaskId[] =>
  Array.from({ length: subtopologies * partitions }, (_, i) => taskId(Math.floor(i / partitions), i % partitions))

const member = (memberId: string, tasks: readonly TaskId[] = [], more: Partial<AssignmentMember> = {}): AssignmentMember => ({
  memberId,
  instanceId: null,
  fingerprint: 'f',
  transactionalIds: [`tx-${memberId}`],
  tasks,
  generation: tasks.length > 0 ? 1 : -1,
  ...more,
})

/** Generation after generation, until nothing is withheld. */
function settle(members: readonly AssignmentMember[], all: readonly TaskId[]) {
  let now = members
  for (let generation = 2; generation < 5; generation++) {
    const result = assignTasks(now, all, 'f')
    now = now.map((each) => ({ ...each, tasks: result.tasks.get(each.memberId) ?? [], generation }))
    if (result.withheld.length === 0) return { members: now, generations: generation - 1 }
  }
  throw new Error('does not settle')
}

test('newcomers get an even share of each sub-topology', () => {
  const { tasks, withheld } = assignTasks([member('a'), member('b')], tasksOf(2, 4), 'f')
  assert.deepEqual(withheld, [])
  for (const id of ['a', 'b']) {
    const mine = tasks.get(id) ?? []
    assert.equal(mine.filter((task) => parseTaskId(task).subtopology === 0).length, 2)
    assert.equal(mine.filter((task) => parseTaskId(task).subtopology === 1).length, 2)
  }
})

test('what moves is withheld for a generation; the rest stays where it is', () => {
  const all = tasksOf(2, 2)
  const first = assignTasks([member('a', all), member('b')], all, 'f')
  assert.deepEqual(first.tasks.get('a'), ['0_0', '1_0'])
  assert.deepEqual(first.tasks.get('b'), [])
  assert.deepEqual(first.withheld, ['0_1', '1_1'])
  const second = assignTasks([member('a', ['0_0', '1_0']), member('b')], all, 'f')
  assert.deepEqual(second.tasks.get('b'), ['0_1', '1_1'])
  assert.deepEqual(second.liveIds, ['tx-a', 'tx-b'])
})

test('of two that claim a task the higher generation is believed, and still waits for the other', () => {
  const members = [member('old', ['0_0'], { generation: 3 }), member('new', ['0_0'], { generation: 5 })]
  const first = assignTasks(members, ['0_0'], 'f')
  assert.deepEqual([first.tasks.get('old'), first.tasks.get('new'), first.withheld], [[], [], ['0_0']])
  for (const order of [members, members.toReversed()]) {
    const { tasks } = assignTasks(order, ['0_0', '0_1'], 'f')
    assert.deepEqual([tasks.get('old'), tasks.get('new')], [['0_1'], []], 'what is free goes to whoever is not believed')
  }
  const second = assignTasks([member('old'), member('new', ['0_0'], { generation: 5 })], ['0_0'], 'f')
  assert.deepEqual(second.tasks.get('new'), ['0_0'])
})

test('the topology of those that own tasks stays; others get nothing', () => {
  const odd = member('odd', [], { fingerprint: 'g' })
  const result = assignTasks([odd, member('a', ['0_0'])], tasksOf(1, 2), 'g')
  assert.equal(result.fingerprint, 'f')
  assert.deepEqual(result.refused, ['odd'])
  assert.deepEqual(result.tasks.get('odd'), [])
  assert.deepEqual(result.tasks.get('a'), ['0_0', '0_1'])
  assert.equal(assignTasks([odd, member('a')], tasksOf(1, 2), 'g').fingerprint, 'g')
})

test('whatever members own: nothing runs twice, everything is given, evenly, within three generations, moving no more than needed', () => {
  const group = fc.record({
    members: fc.integer({ min: 1, max: 6 }),
    subtopologies: fc.integer({ min: 1, max: 3 }),
    partitions: fc.integer({ min: 0, max: 8 }),
    owners: fc.infiniteStream(fc.integer({ min: -1, max: 5 })),
  })
  fc.assert(
    fc.property(group, ({ members, subtopologies, partitions, owners }) => {
      const all = tasksOf(subtopologies, partitions)
      const owned = new Map<number, TaskId[]>()
      for (const task of all) {
        const owner = owners.next().value as number
        owned.set(owner, [...(owned.get(owner) ?? []), task])
      }
      const before = Array.from({ length: members }, (_, i) => member(`m${i}`, owned.get(i) ?? []))
      const first = assignTasks(before, all, 'f')
      for (const { memberId } of before) {
        for (const task of first.tasks.get(memberId) ?? []) {
          assert.ok(!before.some((other) => other.memberId !== memberId && other.tasks.includes(task)), `${task} would run twice`)
        }
      }
      const { members: settled, generations } = settle(before, all)
      assert.ok(generations <= 3)
      assert.deepEqual(settled.flatMap(({ tasks }) => tasks).sort(), all.toSorted())
      const counts = settled.map(({ tasks }) => tasks.length)
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
      const most = Math.ceil(all.length / members)
      for (const [i, each] of settled.entries()) {
        const had = before[i]?.tasks ?? []
        const kept = had.filter((task) => each.tasks.includes(task)).length
        assert.ok(kept >= Math.min(had.length, most) - 1, `${each.memberId} kept ${kept} of ${had.length}`)
      }
      assert.deepEqual(assignTasks(settled, all, 'f').withheld, [])
    }),
  )
})
