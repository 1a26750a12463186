import {
  ProblemError,
  type SecurityGroup,
  type SecurityGroupCreate,
  type SecurityGroupUpdate
} from '../../../openapi/model/index.ts'
import { describe, type SecurityGroupService } from '../../driver.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { tagLimits } from '../client/tags.ts'
import { createCollection, createUpdate, type Identify, type Kind } from './collection.ts'
import type { Neutron, NeutronGroup } from './neutron.ts'
import { ruleFields, toRule, toRuleBody } from './security-rules.ts'

export const capabilities = describe<SecurityGroupService>({
  list: { filters: ['name', 'tag'], limits: { limit: 1000 } },
  create: { parameters: ['name', 'description', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'description', 'tags'], limits: tagLimits },
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

/** Security groups of Neutron and their rules. A new group has rules that allow all egress. */
export function createSecurityGroups (neutron: Neutron, identify: Identify): SecurityGroupService {
  const kind: Kind<NeutronGroup, SecurityGroup, SecurityGroupCreate> = {
    objects: neutron.securityGroups,
    tags: neutron.tags.of('security-groups'),
    identify,
    fields: [],
    toFields: (raw) => ({
      state: 'available',
      description: raw.description || null,
      // A security group of Neutron is valid in all networks.
      network_id: null,
      rules: (raw.security_group_rules ?? []).map(toRule)
    }),
    toBody: ({ name, description }) => ({ name, description })
  }
  const collection = createCollection(kind)

  return {
    ...collection,
    update: createUpdate(kind, collection.get, (patch: SecurityGroupUpdate) => patch),

    async create_rule (id, input, call) {
      const fields = [...remoteGroupFields(id, input.remote_group_id), ...ruleFields]
      return toRule(await neutron.rules.create(toRuleBody(id, input), call, { fields }))
    },

    async destroy_rule (id, ruleId, call) {
      const { security_group_id: group } = await neutron.rules.show(ruleId, call)
      if (group !== id) {
        throw new ProblemError('resource_not_found', `The security group has no rule ${ruleId}`)
      }
      await neutron.rules.remove(ruleId, call)
    }
  }
}

/**
 * Neutron uses the same message for a missing remote group and a missing group; only the id tells
 * them apart.
 */
function remoteGroupFields (group: string, remote: string | undefined): FieldRefusal[] {
  if (remote === undefined || remote === group) return []
  const pattern = new RegExp(`^Security group ${escape(remote)} does not exist`)
  return [{ pattern, pointer: '/remote_group_id' }]
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
