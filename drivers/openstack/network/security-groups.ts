import { ProblemError, type SecurityGroup, type SecurityGroupCreate, type SecurityGroupRuleCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, SecurityGroupService } from '../../driver.ts'
import type { Neutron, NeutronObject } from './neutron.ts'
import { common, createCollection, createUpdate, explained } from './collection.ts'
import { resources } from '../client/resources.ts'
import { ruleFields, toRule, toRuleBody, type NeutronRule } from './security-rules.ts'

/** A security group as Neutron tells it, with its rules. */
export interface NeutronGroup extends NeutronObject {
  security_group_rules?: NeutronRule[]
}

export const toSecurityGroup = (raw: NeutronGroup, identity: Identity, extra: boolean): SecurityGroup => ({
  ...common(raw, identity),
  state: 'available',
  description: raw.description || null,
  // Neutron's groups are for all networks.
  network_id: null,
  rules: (raw.security_group_rules ?? []).map(toRule),
  ...(extra ? { extra: { ...raw } } : {})
})

/** Security groups of Neutron and their rules. A new one has rules that let everything out. */
export function createSecurityGroups (neutron: Neutron, identify: (id: string) => Identity): SecurityGroupService {
  const kind = {
    neutron,
    resource: resources.securityGroup,
    path: 'security-groups',
    identify,
    fields: [],
    map: async (raws: readonly NeutronGroup[], extra: boolean) => raws.map((raw) => toSecurityGroup(raw, identify(raw.id), extra)),
    body: ({ name, description }: SecurityGroupCreate) => ({ name, ...(description === undefined ? {} : { description }) })
  }
  const collection = createCollection(kind)

  return {
    ...collection,
    update: createUpdate({ ...kind, get: collection.get, body: (patch) => patch }),

    async create_rule (id: string, input: SecurityGroupRuleCreate, call: Call) {
      const { remote_group_id: remote } = input
      // The same words tell that the group itself is not there.
      const remoteFields = remote === undefined || remote === id
        ? []
        : [{ pattern: new RegExp(`^Security group ${escape(remote)} does not exist`), pointer: '/remote_group_id' }]
      const raw = await explained(() => neutron.create<NeutronRule>(resources.securityGroupRule, toRuleBody(id, input), call),
        [...remoteFields, ...ruleFields])
      return toRule(raw)
    },

    async destroy_rule (id: string, ruleId: string, call: Call) {
      const { security_group_id: group } = await neutron.show<NeutronRule>(resources.securityGroupRule, ruleId, call)
      if (group !== id) throw new ProblemError('resource_not_found', `The security group has no rule ${ruleId}`)
      await explained(() => neutron.remove(resources.securityGroupRule, ruleId, call), [])
    }
  }
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
