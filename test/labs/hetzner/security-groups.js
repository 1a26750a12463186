import { createHash } from 'node:crypto'
import { createLimiter, invalid, ProblemError } from 'cloud-orchestrator/driver'
import { maxValue, patchLabels, toLabels, toSelector, toTags } from './labels.js'
import { readService, toName } from './service.js'

/**
 * @typedef {import('./service.js').Call} Call
 * @typedef {import('cloud-orchestrator/driver').SecurityGroupRule} Rule
 */

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').SecurityGroupService>} */
export const securityGroupDetails = {
  list: { filters: ['name', 'tag'] },
  create: { parameters: ['name', 'tags'], limits: { tag_characters: maxValue } },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: maxValue } },
  create_rule: {
    parameters: ['direction', 'ethertype', 'protocol', 'port_min', 'port_max', 'cidr', 'description'],
    required: ['protocol']
  }
}

const protocols = ['tcp', 'udp', 'icmp', 'esp', 'gre']

/** Every address. The cloud has no rule without addresses. @type {Record<string, string>} */
const everywhere = { IPv4: '0.0.0.0/0', IPv6: '::/0' }

/** @param {any} raw a rule of the cloud @returns {string[]} */
const cidrsOf = (raw) => raw.direction === 'in' ? raw.source_ips : raw.destination_ips

/**
 * The id of one rule of the model: the cloud has no ids for rules, and one rule of the cloud has many blocks.
 * @param {any} raw
 * @param {string} cidr
 */
const ruleId = ({ direction, protocol, port }, cidr) =>
  createHash('sha256').update(JSON.stringify([direction, protocol, port ?? null, cidr])).digest('hex').slice(0, 16)

/** @param {string | null} port `80`, `80-85`, or `any` */
function portsOf (port) {
  if (port == null || port === 'any') return [null, null]
  const [first, last = first] = port.split('-').map(Number)
  return [first ?? null, last ?? null]
}

/** The rules of the model for one rule of the cloud. @param {any} raw @returns {Rule[]} */
const toRules = (raw) => cidrsOf(raw).map((cidr) => {
  const [first, last] = portsOf(raw.port)
  return {
    id: ruleId(raw, cidr),
    direction: raw.direction === 'in' ? 'ingress' : 'egress',
    ethertype: cidr.includes(':') ? 'IPv6' : 'IPv4',
    protocol: raw.protocol,
    port_min: first,
    port_max: last,
    icmp_type: null,
    icmp_code: null,
    remote: 'cidr',
    cidr,
    remote_group_id: null,
    description: raw.description
  }
})

/** A rule for the cloud. @param {import('cloud-orchestrator/driver').SecurityGroupRuleCreate} input */
function toRaw ({ direction, protocol, cidr, ethertype, port_min: first, port_max: last = first, ...input }) {
  if (protocol == null || !protocols.includes(protocol)) {
    throw invalid('/protocol', `must be one of ${protocols.join(', ')} on this cloud`)
  }
  const version = cidr === undefined ? ethertype ?? 'IPv4' : cidr.includes(':') ? 'IPv6' : 'IPv4'
  if (ethertype !== undefined && ethertype !== version) throw invalid('/cidr', `is not a block of ${ethertype}`)
  const hasPorts = protocol === 'tcp' || protocol === 'udp'
  if (!hasPorts && first !== undefined) throw invalid('/port_min', `${protocol} has no ports`)
  const ports = first === undefined ? 'any' : first === last ? String(first) : `${first}-${last}`
  const blocks = [cidr ?? everywhere[version]]
  return {
    direction: direction === 'ingress' ? 'in' : 'out',
    protocol,
    port: hasPorts ? ports : null,
    source_ips: direction === 'ingress' ? blocks : [],
    destination_ips: direction === 'ingress' ? [] : blocks,
    description: input.description ?? null
  }
}

/**
 * Firewalls. Rules that come in are refused without a rule, rules that go out are allowed until there is a rule.
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').SecurityGroupService}
 */
export function createSecurityGroups ({ client, context: { identify } }) {
  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').SecurityGroup} */
  const toGroup = (raw, extra) => ({
    ...identify('security_groups', String(raw.id), null),
    name: raw.name,
    state: 'available',
    provider_state: null,
    created_at: raw.created,
    updated_at: null,
    tags: toTags(raw.labels),
    description: null,
    network_id: null,
    rules: raw.rules.flatMap(toRules),
    ...extra ? { extra: raw } : {}
  })
  const { find, list, get } = readService(client, {
    path: '/firewalls',
    key: 'firewall',
    toResource: toGroup,
    toFilters: ({ name, tag }) => ({ ...toName(name), ...toSelector(tag) })
  })

  // The cloud replaces all rules of a firewall, so changes of rules must not overlap.
  const limit = createLimiter(1)

  /** @param {string} id @param {(rules: any[]) => any[]} edit @param {Call} call */
  const editRules = (id, edit, call) => limit(async () => {
    const { rules } = await find(id, call)
    const { actions } = await client.send('POST', `/firewalls/${id}/actions/set_rules`, call, {
      body: { rules: edit(rules) }, fields: { rules: '/cidr' }
    })
    for (const action of actions) await client.settle(action, call)
  }, call.signal)

  return {
    list,
    get,
    async create ({ name, tags }, call) {
      const { firewall } = await client.send('POST', '/firewalls', call, {
        body: { name, labels: toLabels(tags), rules: [] }, fields: { name: '/name', labels: '/tags' }
      })
      return toGroup(firewall, false)
    },
    async update (id, { name, tags }, call) {
      const labels = tags === undefined ? undefined : patchLabels((await find(id, call)).labels, tags)
      const { firewall } = await client.send('PUT', `/firewalls/${id}`, call, {
        body: { name, labels }, fields: { name: '/name', labels: '/tags' }
      })
      return toGroup(firewall, false)
    },
    async destroy (id, call) {
      await client.send('DELETE', `/firewalls/${id}`, call)
    },
    async create_rule (id, input, call) {
      const raw = toRaw(input)
      const [rule] = toRules(raw)
      await editRules(id, (rules) => {
        if (rules.flatMap(toRules).some((one) => one.id === rule?.id)) {
          throw new ProblemError('already_exists', `The security group ${id} has this rule`)
        }
        return [...rules, raw]
      }, call)
      return /** @type {Rule} */ (rule)
    },
    async destroy_rule (id, ruleId, call) {
      await editRules(id, (rules) => {
        if (!rules.flatMap(toRules).some((one) => one.id === ruleId)) {
          throw new ProblemError('resource_not_found', `The security group ${id} has no rule ${ruleId}`)
        }
        return rules.map((raw) => withoutRule(raw, ruleId)).filter((raw) => cidrsOf(raw).length > 0)
      }, call)
    }
  }
}

/** A rule of the cloud without the block of one rule of the model. @param {any} raw @param {string} id */
function withoutRule (raw, id) {
  const kept = cidrsOf(raw).filter((cidr) => ruleId(raw, cidr) !== id)
  return raw.direction === 'in' ? { ...raw, source_ips: kept } : { ...raw, destination_ips: kept }
}
