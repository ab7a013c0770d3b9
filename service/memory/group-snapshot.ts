/** What the coordinator of a group has in its log: all that the next coordinator knows of it, as `GroupMetadataManager` loads it. */
import { Group, type Member } from './group.ts'

export interface GroupSnapshot {
  readonly generation: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string | null
  readonly members: readonly Member[]
}

/** To be taken where a broker writes it: when the leader's assignment is there, a static member has come back, or nobody is left. */
export function snapshotOf({ generation, protocolType, protocolName, leader, members }: Group): GroupSnapshot {
  return { generation, protocolType, protocolName, leader, members: [...members.values()].map((member) => ({ ...member })) }
}

/** The group as it stands for the next coordinator: nobody is joining, whatever was under way. */
export function restoredGroup(id: string, { members, ...rest }: GroupSnapshot): Group {
  const group = new Group(id)
  for (const member of members) group.add({ ...member, heldJoin: null, heldSync: null }, rest.protocolType ?? '')
  Object.assign(group, rest)
  group.state = members.length === 0 ? 'Empty' : 'Stable'
  return group
}
