import type { IpPermission, SecurityGroup as RawGroup } from '@aws-sdk/client-ec2'
import {
  ProblemError,
  type SecurityGroup,
  type SecurityGroupRule,
  type SecurityGroupRuleCreate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type SecurityGroupService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { explaining, pointTo } from '../../common/refusals.ts'
import {
  checkEc2Tags,
  createDirectCollection,
  explainFields,
  filterNames,
  malformed,
  patternRule,
  providerCodeOf,
  readAllPages,
  readPage,
  tagLimits,
  toCommonFields,
  toTagParameters,
  type Cloud,
  type Dialect
} from '../client/index.ts'
import { fromPermission, permissionOf, rulesOf, toPermission, toRule } from './security-rules.ts'

const filterRules = { name: patternRule('group-name') }

export const describeSecurityGroups = ({ ruleIds }: Dialect) =>
  describe<SecurityGroupService>({
    list: { filters: filterNames(filterRules), limits: { limit: 200 } },
    create: { parameters: ['name', 'description', 'network_id', 'tags'], limits: tagLimits },
    update: { parameters: ['tags'], limits: tagLimits },
    create_rule: {
      parameters: [
        'direction',
        'protocol',
        'port_min',
        'port_max',
        'icmp_type',
        'icmp_code',
        'cidr',
        'remote_group_id',
        ...(ruleIds ? ['ethertype', 'description'] as const : [])
      ]
    }
  })

const createRefusals = [
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
  raw: RawGroup,
  rules: SecurityGroupRule[],
  identity: Identity,
  extra: boolean
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
    const input = { Filters, MaxResults: rulePageSize }
    const found = await readAllPages(
      client,
      'DescribeSecurityGroupRules',
      'SecurityGroupRules',
      input,
      call
    )
    for (const raw of found) rules.set(raw.GroupId, [...rules.get(raw.GroupId) ?? [], toRule(raw)])
    return rules
  }

  const { service, find, update, register } = createDirectCollection<RawGroup, SecurityGroup>({
    cloud,
    itemName: 'security group',
    idKey: 'GroupId',
    read: ({ ids, ...request }, call) =>
      readPage(
        client,
        'DescribeSecurityGroups',
        'SecurityGroups',
        { ...request, GroupIds: ids },
        call
      ),
    remove: (id, call) =>
      client.change('DeleteSecurityGroup', { GroupId: id }, call, { idempotent: true }),
    pageSizes: [5, 200],
    filterRules,
    async map (raws, extra, call) {
      const rules = await readRules(raws, call)
      return raws.map((raw) =>
        toSecurityGroup(raw, rules.get(raw.GroupId) ?? [], identify(raw.GroupId!), extra)
      )
    }
  })

  /** The cloud's code does not say which of two groups is missing, nor which field of a rule is wrong. */
  const explainRule = async (
    error: unknown,
    id: string,
    input: SecurityGroupRuleCreate,
    call: Call
  ) => {
    if (!(error instanceof ProblemError)) return error
    const { remote_group_id: remoteGroup, cidr } = input
    const hasOtherGroup = remoteGroup !== undefined && remoteGroup !== id
    if (hasOtherGroup && missingGroup.test(providerCodeOf(error))) {
      const exists = await find(id, call).then(() => true, () => false)
      return exists ? pointTo('/remote_group_id', error) : error
    }
    const pointer = cidr === undefined ? '/protocol' : '/cidr'
    return explainFields(error, [{
      pattern: /^InvalidPermission|^InvalidParameter|^InvalidCidr/,
      pointer
    }])
  }

  const authorize = (id: string, permission: IpPermission, isEgress: boolean, call: Call) => {
    const input = { GroupId: id, IpPermissions: [permission] }
    return isEgress
      ? client.change('AuthorizeSecurityGroupEgress', input, call)
      : client.change('AuthorizeSecurityGroupIngress', input, call)
  }

  const createRule = async (
    id: string,
    input: SecurityGroupRuleCreate,
    call: Call
  ): Promise<SecurityGroupRule> => {
    const isEgress = input.direction === 'egress'
    const permission = toPermission(input, dialect.ruleIds)
    const { Return: isCreated, SecurityGroupRules: rules } = await authorize(
      id,
      permission,
      isEgress,
      call
    )
    // Eucalyptus answers false if the rule exists.
    if (isCreated === false) {
      throw new ProblemError('already_exists', `Security group ${id} already has this rule`)
    }
    if (!dialect.ruleIds) return fromPermission(permission, isEgress)[0]!
    const raw = rules?.[0]
    if (raw === undefined) throw malformed('The response of the cloud has no rule', false)
    return toRule(raw)
  }

  const findRule = async (
    ruleId: string,
    group: string,
    call: Call
  ): Promise<SecurityGroupRule | undefined> => {
    if (!dialect.ruleIds) return rulesOf(await find(group, call)).find(({ id }) => id === ruleId)
    if (!ruleIdPattern.test(ruleId)) return undefined
    const Filters = [{ Name: 'group-id', Values: [group] }, {
      Name: 'security-group-rule-id',
      Values: [ruleId]
    }]
    const { SecurityGroupRules: rules } = await client.read('DescribeSecurityGroupRules', {
      Filters
    }, call)
    const raw = rules?.find(({ SecurityGroupRuleId: id }) => id === ruleId)
    return raw === undefined ? undefined : toRule(raw)
  }

  return {
    ...service,
    update,

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
      const { GroupId: created } = await client.change('CreateSecurityGroup', input, call, {
        refusals: createRefusals
      })
      const id = await register(created, { tags }, call)
      return service.get(id, { extra: false }, call)
    },

    create_rule: (id, input, call) =>
      explaining((error) => explainRule(error, id, input, call), () => createRule(id, input, call)),

    async destroy_rule (id, ruleId, call) {
      const rule = await findRule(ruleId, id, call)
      if (rule === undefined) {
        throw new ProblemError('resource_not_found', `The security group has no rule ${ruleId}`)
      }
      if (!dialect.ruleIds && rule.remote === 'unknown') {
        throw new ProblemError(
          'not_supported',
          `The cloud does not show the remote end of the rule ${ruleId}`
        )
      }
      const target = dialect.ruleIds
        ? { SecurityGroupRuleIds: [ruleId] }
        : { IpPermissions: [permissionOf(rule)] }
      const input = { GroupId: id, ...target }
      if (rule.direction === 'egress') {
        await client.change('RevokeSecurityGroupEgress', input, call, { idempotent: true })
      } else {
        await client.change('RevokeSecurityGroupIngress', input, call, { idempotent: true })
      }
    }
  }
}
