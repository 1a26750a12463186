import type { SecurityGroup as RawGroup, SecurityGroupRule as RawRule } from '@aws-sdk/client-ec2'
import {
  ProblemError, type SecurityGroup, type SecurityGroupCreate, type SecurityGroupRule, type SecurityGroupRuleCreate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, SecurityGroupService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { commonOf, createReads, createUpdate, explained, readAll } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { byName } from '../client/lists.ts'
import { explainFields, pointTo, type RefusedField } from '../client/refusals.ts'
import { fromPermission, permissionOf, rulesOf, toPermission, toRule } from './security-rules.ts'
import { ec2Tags, tagSpecifications } from '../client/tags.ts'
import { labelMade } from '../client/rollback.ts'

const fields: readonly RefusedField[] = [
  { code: /^InvalidVpcI[Dd]|^VPCIdNotSpecified/, pointer: '/network_id' }, { code: /^InvalidGroup\.Reserved/, pointer: '/name' }
]

/** What a name and a description may have in a VPC (Amazon's reference of CreateSecurityGroup); both are fixed then. */
const text = /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/

function checkText (pointer: string, value: string) {
  if (!text.test(value)) throw invalid(pointer, 'must be up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*')
}

/** A group; its name is the one it was made with, which is no tag. */
export const toSecurityGroup = (raw: RawGroup, rules: SecurityGroupRule[], identity: Identity, extra: boolean): SecurityGroup => ({
  ...commonOf(raw, identity, undefined),
  name: raw.GroupName ?? null,
  state: 'available',
  description: raw.Description || null,
  network_id: raw.VpcId ?? null,
  rules,
  ...(extra ? { extra: { ...raw } } : {})
})

/** Rules that one answer tells. They are small. */
const rulesPage = 1000

/** Security groups of VPCs and their rules, whose ids take one more call for a page of groups. A new one lets everything out. */
export function createSecurityGroups (cloud: Cloud): SecurityGroupService {
  const { client, dialect } = cloud
  const identify = cloud.identify('security_groups')

  const readRules = async (groups: readonly RawGroup[], call: Call) => {
    if (!dialect.ruleIds) return new Map(groups.map((group) => [group.GroupId, rulesOf(group)]))
    const rules = new Map<string | undefined, SecurityGroupRule[]>()
    if (groups.length === 0) return rules
    const asked = { Filters: [{ Name: 'group-id', Values: groups.flatMap(({ GroupId: id }) => id ?? []) }], MaxResults: rulesPage }
    const found = await readAll<RawRule>(async (token) => {
      const { SecurityGroupRules: items, NextToken: next } = await client.read((sdk) =>
        new sdk.DescribeSecurityGroupRulesCommand({ ...asked, NextToken: token }), call)
      return { items, token: next }
    })
    for (const raw of found) rules.set(raw.GroupId, [...rules.get(raw.GroupId) ?? [], toRule(raw)])
    return rules
  }

  const { find, note, forget, ...reads } = createReads<RawGroup, SecurityGroup>({
    cloud,
    word: 'security group',
    idOf: ({ GroupId: id }) => id,
    async send ({ ids, ...asked }, call) {
      const input = { ...asked, GroupIds: ids }
      const { SecurityGroups: items, NextToken: token } = await client.read((sdk) => new sdk.DescribeSecurityGroupsCommand(input), call)
      return { items, token }
    },
    page: [5, 200],
    filters: { name: { ...byName, name: 'group-name' } },
    async map (raws, extra, call) {
      const rules = await readRules(raws, call)
      return raws.map((raw) => toSecurityGroup(raw, rules.get(raw.GroupId) ?? [], identify(raw.GroupId!), extra))
    }
  })
  const { get } = reads

  const remove = (id: string, call: Call) =>
    client.change((sdk) => new sdk.DeleteSecurityGroupCommand({ GroupId: id }), call, { token: true })

  /** The cloud's code does not tell which of two groups is not there, nor which field of a rule makes no sense. */
  const explainRule = async (error: unknown, id: string, { remote_group_id: other, cidr }: SecurityGroupRuleCreate, call: Call) => {
    if (!(error instanceof ProblemError)) return error
    const code = error.details.provider_error?.code ?? ''
    if (/^InvalidGroup|^InvalidSecurityGroupI[Dd]|^InvalidParameterValue/.test(code) && other !== undefined && other !== id) {
      return await find(id, call).then(() => true, () => false) ? pointTo('/remote_group_id', error) : error
    }
    return explainFields(error, [{ code: /^InvalidPermission|^InvalidParameter|^InvalidCidr/, pointer: cidr === undefined ? '/protocol' : '/cidr' }])
  }

  const authorize = async (id: string, input: SecurityGroupRuleCreate, call: Call): Promise<SecurityGroupRule> => {
    const egress = input.direction === 'egress'
    const permission = toPermission(input, dialect.ruleIds)
    const asked = { GroupId: id, IpPermissions: [permission] }
    const { Return: made, SecurityGroupRules: rules } = egress
      ? await client.change((sdk) => new sdk.AuthorizeSecurityGroupEgressCommand(asked), call)
      : await client.change((sdk) => new sdk.AuthorizeSecurityGroupIngressCommand(asked), call)
    // Eucalyptus' way to tell it.
    if (made === false) throw new ProblemError('already_exists', `Security group ${id} has this rule already`)
    if (!dialect.ruleIds) return fromPermission(permission, egress)[0]!
    const raw = rules?.[0]
    if (raw === undefined) throw malformed('The cloud answered without the rule', false)
    return toRule(raw)
  }

  const findRule = async (ruleId: string, group: string, call: Call): Promise<SecurityGroupRule | undefined> => {
    if (!dialect.ruleIds) return rulesOf(await find(group, call)).find(({ id }) => id === ruleId)
    if (!/^sgr-[0-9a-f]{8,17}$/.test(ruleId)) return undefined
    const asked = { Filters: [{ Name: 'group-id', Values: [group] }, { Name: 'security-group-rule-id', Values: [ruleId] }] }
    const { SecurityGroupRules: rules } = await client.read((sdk) => new sdk.DescribeSecurityGroupRulesCommand(asked), call)
    const raw = rules?.find(({ SecurityGroupRuleId: id }) => id === ruleId)
    return raw === undefined ? undefined : toRule(raw)
  }

  return {
    ...reads,
    ...createUpdate(cloud, { find, get }),

    /** Makes a group in a network, or in the account's default one. The cloud needs a description: the name where there is none. */
    async create ({ name, description = '', network_id: network, tags }: SecurityGroupCreate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      checkText('/name', name)
      if (description !== '') checkText('/description', description)
      const labels = { tags }
      const asked = { GroupName: name, Description: description || name, VpcId: network, ...tagSpecifications(cloud, ['security-group'], labels) }
      const { GroupId: id } = await explained(fields, () => client.change((sdk) => new sdk.CreateSecurityGroupCommand(asked), call))
      if (id === undefined) throw malformed('The cloud answered without a security group', false)
      note(id)
      await labelMade(cloud, id, labels, call, (own) => remove(id, own))
      return get(id, { extra: false }, call)
    },

    async destroy (id: string, call: Call) {
      await remove(id, call)
      forget(id)
    },

    async create_rule (id: string, input: SecurityGroupRuleCreate, call: Call) {
      try {
        return await authorize(id, input, call)
      } catch (error) {
        throw await explainRule(error, id, input, call)
      }
    },

    async destroy_rule (id: string, ruleId: string, call: Call) {
      const rule = await findRule(ruleId, id, call)
      if (rule === undefined) throw new ProblemError('resource_not_found', `The security group has no rule ${ruleId}`)
      const asked = { GroupId: id, ...(dialect.ruleIds ? { SecurityGroupRuleIds: [ruleId] } : { IpPermissions: [permissionOf(rule)] }) }
      if (rule.direction === 'egress') await client.change((sdk) => new sdk.RevokeSecurityGroupEgressCommand(asked), call, { token: true })
      else await client.change((sdk) => new sdk.RevokeSecurityGroupIngressCommand(asked), call, { token: true })
    }
  }
}
