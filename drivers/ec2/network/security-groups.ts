import type {
  IpPermission, SecurityGroup as RawGroup, SecurityGroupRule as RawRule
} from '@aws-sdk/client-ec2'
import {
  ProblemError, type SecurityGroup, type SecurityGroupRule, type SecurityGroupRuleCreate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type SecurityGroupService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { readPages } from '../../pages.ts'
import { explaining, pointTo, type FieldRefusal } from '../../refusals.ts'
import type { Cloud, Dialect } from '../client/cloud.ts'
import { createCollection, createLabelUpdate } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { filterNames, patternRule, toPage } from '../client/lists.ts'
import { explainFields, explainingFields, providerCodeOf } from '../client/refusals.ts'
import { labelOrRollBack } from '../client/rollback.ts'
import { checkEc2Tags, tagLimits, toCommonFields, toTagParameters } from '../client/tags.ts'
import { fromPermission, permissionOf, rulesOf, toPermission, toRule } from './security-rules.ts'

const filterRules = { name: patternRule('group-name') }

export const describeSecurityGroups = ({ ruleIds }: Dialect) => describe<SecurityGroupService>({
  list: { filters: filterNames(filterRules), limits: { limit: 200 } },
  create: { parameters: ['name', 'description', 'network_id', 'tags'], limits: tagLimits },
  update: { parameters: ['tags'], limits: tagLimits },
  create_rule: {
    parameters: [
      'direction', 'protocol', 'port_min', 'port_max', 'icmp_type', 'icmp_code', 'cidr', 'remote_group_id',
      ...(ruleIds ? ['ethertype', 'description'] as const : [])
    ]
  }
})

const createRefusals: readonly FieldRefusal[] = [
  { pattern: /^InvalidVpcI[Dd]|^VPCIdNotSpecified/, pointer: '/network_id' },
  { pattern: /^InvalidGroup\.Reserved/, pointer: '/name' }
]

/** Names and descriptions of groups in a VPC (Amazon's reference of CreateSecurityGroup). Neither can be changed. */
const validText = /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/

function checkText (pointer: string, value: string) {
  if (validText.test(value)) return
  throw invalid(pointer, 'must be up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*')
}

/** Maps a group. Its name is the name that it was created with, not a tag. */
export const toSecurityGroup = (
  raw: RawGroup, rules: SecurityGroupRule[], identity: Identity, extra: boolean
): SecurityGroup => ({
  ...toCommonFields(raw, identity, undefined),
  name: raw.GroupName ?? null,
  state: 'available',
  description: raw.Description || null,
  network_id: raw.VpcId ?? null,
  rules,
  extra: extra ? { ...raw } : undefined
})

/** Rules in one response. Rules are small. */
const rulePageSize = 1000

/** Ids of rules, where the cloud has them. */
const ruleIdPattern = /^sgr-[0-9a-f]{8,17}$/

const missingGroup = /^InvalidGroup|^InvalidSecurityGroupI[Dd]|^InvalidParameterValue/

/**
 * Security groups of VPCs and their rules. A page of groups takes one more call, for the ids of the rules. A new group
 * allows all outgoing traffic.
 */
export function createSecurityGroups (cloud: Cloud): SecurityGroupService {
  const { client, dialect } = cloud
  const identify = cloud.identify('security_groups')

  const readRules = async (groups: readonly RawGroup[], call: Call) => {
    if (!dialect.ruleIds) return new Map(groups.map((group) => [group.GroupId, rulesOf(group)]))
    const rules = new Map<string | undefined, SecurityGroupRule[]>()
    if (groups.length === 0) return rules
    const Filters = [{ Name: 'group-id', Values: groups.flatMap(({ GroupId: id }) => id ?? []) }]
    const pages = readPages<RawRule>(async (token) => {
      const input = { Filters, MaxResults: rulePageSize, NextToken: token ?? undefined }
      const { SecurityGroupRules: items, NextToken: next } = await client.read('DescribeSecurityGroupRules', input, call)
      return toPage(items, next, 'rules')
    })
    for await (const page of pages) {
      for (const raw of page) rules.set(raw.GroupId, [...rules.get(raw.GroupId) ?? [], toRule(raw)])
    }
    return rules
  }

  const collection = createCollection<RawGroup, SecurityGroup>({
    cloud,
    itemName: 'security group',
    idOf: ({ GroupId: id }) => id,
    async send ({ ids, ...request }, call) {
      const input = { ...request, GroupIds: ids }
      const { SecurityGroups: items, NextToken: token } = await client.read('DescribeSecurityGroups', input, call)
      return { items, token }
    },
    pageSizes: [5, 200],
    filterRules,
    async map (raws, extra, call) {
      const rules = await readRules(raws, call)
      return raws.map((raw) => toSecurityGroup(raw, rules.get(raw.GroupId) ?? [], identify(raw.GroupId!), extra))
    }
  })
  const { service, find, recent } = collection

  const deleteGroup = (id: string, call: Call) =>
    client.change('DeleteSecurityGroup', { GroupId: id }, call, { idempotent: true })

  /** The cloud's code does not say which of two groups is missing, nor which field of a rule is wrong. */
  const explainRule = async (error: unknown, id: string, input: SecurityGroupRuleCreate, call: Call) => {
    if (!(error instanceof ProblemError)) return error
    const { remote_group_id: remoteGroup, cidr } = input
    const hasOtherGroup = remoteGroup !== undefined && remoteGroup !== id
    if (hasOtherGroup && missingGroup.test(providerCodeOf(error))) {
      const exists = await find(id, call).then(() => true, () => false)
      return exists ? pointTo('/remote_group_id', error) : error
    }
    const pointer = cidr === undefined ? '/protocol' : '/cidr'
    return explainFields(error, [{ pattern: /^InvalidPermission|^InvalidParameter|^InvalidCidr/, pointer }])
  }

  const authorize = (id: string, permission: IpPermission, isEgress: boolean, call: Call) => {
    const input = { GroupId: id, IpPermissions: [permission] }
    return isEgress
      ? client.change('AuthorizeSecurityGroupEgress', input, call)
      : client.change('AuthorizeSecurityGroupIngress', input, call)
  }

  const createRule = async (id: string, input: SecurityGroupRuleCreate, call: Call): Promise<SecurityGroupRule> => {
    const isEgress = input.direction === 'egress'
    const permission = toPermission(input, dialect.ruleIds)
    const { Return: isCreated, SecurityGroupRules: rules } = await authorize(id, permission, isEgress, call)
    // Eucalyptus answers false if the rule exists.
    if (isCreated === false) throw new ProblemError('already_exists', `Security group ${id} already has this rule`)
    if (!dialect.ruleIds) return fromPermission(permission, isEgress)[0]!
    const raw = rules?.[0]
    if (raw === undefined) throw malformed('The response of the cloud has no rule', false)
    return toRule(raw)
  }

  const findRule = async (ruleId: string, group: string, call: Call): Promise<SecurityGroupRule | undefined> => {
    if (!dialect.ruleIds) return rulesOf(await find(group, call)).find(({ id }) => id === ruleId)
    if (!ruleIdPattern.test(ruleId)) return undefined
    const Filters = [{ Name: 'group-id', Values: [group] }, { Name: 'security-group-rule-id', Values: [ruleId] }]
    const { SecurityGroupRules: rules } = await client.read('DescribeSecurityGroupRules', { Filters }, call)
    const raw = rules?.find(({ SecurityGroupRuleId: id }) => id === ruleId)
    return raw === undefined ? undefined : toRule(raw)
  }

  return {
    ...service,
    update: createLabelUpdate(cloud, collection),

    /**
     * Creates a group in a network, or in the account's default network. The cloud requires a description: without
     * one, the name is sent.
     */
    async create ({ name, description = '', network_id: network, tags }, call) {
      checkEc2Tags(tags)
      checkText('/name', name)
      if (description !== '') checkText('/description', description)
      const input = {
        GroupName: name,
        Description: description || name,
        VpcId: network,
        ...toTagParameters(cloud, 'security-group', { tags })
      }
      const { GroupId: id } = await explainingFields(createRefusals, () =>
        client.change('CreateSecurityGroup', input, call))
      if (id === undefined) throw malformed('The response of the cloud has no security group', false)
      recent.add([id])
      await labelOrRollBack(cloud, id, { tags }, call, (rollbackCall) => deleteGroup(id, rollbackCall))
      return service.get(id, { extra: false }, call)
    },

    async destroy (id, call) {
      await deleteGroup(id, call)
      recent.remove(id)
    },

    create_rule: (id, input, call) =>
      explaining((error) => explainRule(error, id, input, call), () => createRule(id, input, call)),

    async destroy_rule (id, ruleId, call) {
      const rule = await findRule(ruleId, id, call)
      if (rule === undefined) throw new ProblemError('resource_not_found', `The security group has no rule ${ruleId}`)
      const target = dialect.ruleIds ? { SecurityGroupRuleIds: [ruleId] } : { IpPermissions: [permissionOf(rule)] }
      const input = { GroupId: id, ...target }
      if (rule.direction === 'egress') {
        await client.change('RevokeSecurityGroupEgress', input, call, { idempotent: true })
      } else {
        await client.change('RevokeSecurityGroupIngress', input, call, { idempotent: true })
      }
    }
  }
}
