import { ProblemError, type SecurityGroup } from '../../../openapi/model/index.ts'
import { describe, type SecurityGroupService } from '../../driver.ts'
import {
  assertField,
  commonFieldsOf,
  createEgressRules,
  createRepository,
  defaultGroup,
  mergeLabels,
  newId,
  tagLimits,
  type Engine,
  type RuleRecord,
  type Store
} from '../engine/index.ts'
import { groupIdsOf } from './nics.ts'
import { isSameRule, parseRule } from './rules.ts'

const parameters = ['name', 'description', 'tags'] as const

export const securityGroupCapabilities = describe<SecurityGroupService>({
  create: { parameters, limits: tagLimits },
  update: { parameters, limits: tagLimits },
  create_rule: {
    parameters: [
      'direction',
      'ethertype',
      'protocol',
      'port_min',
      'port_max',
      'icmp_type',
      'icmp_code',
      'cidr',
      'remote_group_id',
      'description'
    ]
  }
})

/** A group is in use by the NICs and by the rules of other groups that refer to it. */
function assertUnused ({ nodes, security_groups: groups }: Store, id: string) {
  if (id === defaultGroup) {
    throw new ProblemError('in_use', 'The default security group is for NICs that name no group')
  }
  const node = nodes.entries.find(({ data }) => groupIdsOf(data).includes(id))
  if (node !== undefined) {
    throw new ProblemError('in_use', `Security group ${id} is on the node ${node.data.id}`)
  }
  const other = groups.entries.find(({ data }) =>
    data.id !== id && data.rules.some(({ remote_group_id: remote }) => remote === id)
  )
  if (other === undefined) return
  throw new ProblemError('in_use', `A rule of the security group ${other.data.id} refers to ${id}`)
}

/** Only the default group has the name `default`. Other names can repeat. */
function assertName (name: string | undefined) {
  if (name === 'default') {
    throw new ProblemError('already_exists', 'The security group `default` exists already')
  }
}

const newRuleId = ({ security_groups: groups }: Store) =>
  newId(
    'rule',
    (id) => groups.entries.some(({ data }) => data.rules.some((rule) => rule.id === id))
  )

/** Rules of security groups are created and destroyed, never changed. */
export function createSecurityGroups (engine: Engine): SecurityGroupService {
  const { reads, create, update, remove } = createRepository(
    engine,
    'security group',
    (store) => store.security_groups,
    (data): SecurityGroup => ({
      ...commonFieldsOf(engine, 'security_groups', data),
      state: 'available',
      description: data.description,
      network_id: null,
      rules: data.rules
    })
  )

  return {
    ...reads,
    async create ({ name, description = '', tags }) {
      assertName(name)
      return create((store) => {
        const rules = createEgressRules(() => newRuleId(store))
        const record = store.security_groups.newRecord('sg')
        return { ...record, name, description, tags: { ...tags }, rules }
      })
    },
    update: (id, patch) =>
      update(id, (group) => {
        const { name, description = group.description } = patch
        if (name !== undefined && name !== group.name) {
          assertField(id !== defaultGroup, '/name', 'cannot change for the default group')
          assertName(name)
        }
        return { ...mergeLabels(group, patch), description }
      }),
    destroy: (id) => remove(id, (_, store) => assertUnused(store, id)),
    async create_rule (id, input) {
      let rule!: RuleRecord
      await update(id, (group, store) => {
        rule = parseRule(store, input, newRuleId(store))
        const same = group.rules.find((one) => isSameRule(one, rule))
        if (same === undefined) return { rules: [...group.rules, rule] }
        throw new ProblemError(
          'already_exists',
          `Security group ${id} has this rule already: ${same.id}`
        )
      })
      return rule
    },
    async destroy_rule (id, ruleId) {
      await update(id, (group) => {
        const rules = group.rules.filter((rule) => rule.id !== ruleId)
        if (rules.length < group.rules.length) return { rules }
        throw new ProblemError('resource_not_found', `Security group ${id} has no rule ${ruleId}`)
      })
    }
  }
}
