/** ListGroups, DescribeGroups, DeleteGroups. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { Group } from './group.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { OffsetStore } from './offset-store.ts'

export function listGroups(groups: GroupCoordinator, node: number, request: RequestOf<'ListGroups'>): AnswerOf<'ListGroups'> {
  const shown = [...groups.groups.values()].filter(
    ({ id, state }) => groups.nodeOf(id) === node && (request.statesFilter.length === 0 || request.statesFilter.includes(state)),
  )
  const listed = shown.map(({ id, protocolType, state }) => ({
    groupId: id,
    protocolType: protocolType ?? '',
    groupState: state,
  }))
  return { throttleTimeMs: 0, errorCode: errorCode.NONE, groups: listed }
}

export function describeGroups(
  groups: GroupCoordinator,
  node: number,
  request: RequestOf<'DescribeGroups'>,
): AnswerOf<'DescribeGroups'> {
  const described = request.groups.map((groupId) => {
    const group = groups.groups.get(groupId)
    const refusal = groups.refusal(node, groupId)
    const code = refusal || (group === undefined ? errorCode.GROUP_ID_NOT_FOUND : errorCode.NONE)
    return {
      errorCode: code,
      groupId,
      groupState: refusal ? '' : (group?.state ?? 'Dead'),
      protocolType: group?.protocolType ?? '',
      protocolData: group?.state === 'Stable' ? (group.protocolName ?? '') : '',
      members: group === undefined || refusal ? [] : describeMembers(group),
      authorizedOperations: -2_147_483_648,
    }
  })
  return { throttleTimeMs: 0, groups: described }
}

export function deleteGroups(
  { groups, offsets }: { readonly groups: GroupCoordinator; readonly offsets: OffsetStore },
  node: number,
  request: RequestOf<'DeleteGroups'>,
): AnswerOf<'DeleteGroups'> {
  const results = request.groupsNames.map((groupId) => {
    const group = groups.groups.get(groupId)
    const missing = group === undefined ? errorCode.GROUP_ID_NOT_FOUND : errorCode.NONE
    const live = group !== undefined && group.state !== 'Empty' ? errorCode.NON_EMPTY_GROUP : errorCode.NONE
    const code = groups.refusal(node, groupId) || missing || live
    if (code === errorCode.NONE) {
      groups.groups.delete(groupId)
      offsets.delete(groupId)
    }
    return { groupId, errorCode: code }
  })
  return { throttleTimeMs: 0, results }
}

function describeMembers(group: Group): AnswerOf<'DescribeGroups'>['groups'][number]['members'] {
  return [...group.members.values()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: '/memory',
    memberMetadata: group.state === 'Stable' ? group.metadataOf(member) : Buffer.alloc(0),
    memberAssignment: group.state === 'Stable' ? member.assignment : Buffer.alloc(0),
  }))
}
