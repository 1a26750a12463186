import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { tagSet } from './tags.ts'
import { account, find } from './state.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'
import type { Cloud, Group, Rule } from './state.ts'

/**
 * From Eucalyptus' NetworkGroupManager. A rule that is there already is no error but `return` false; one for nobody is
 * passed over.
 */
export const securityGroupActions: Actions = {
  DescribeSecurityGroups (cloud, query) {
    const [ids, names] = [query.list('GroupId'), query.list('GroupName')]
    const found = new Set(ids.map(id => find(cloud.groups, id, 'sg', 'InvalidGroup.NotFound')))
    const all = [...cloud.groups.values()].filter(
      (group) => (!ids.length && !names.length) || found.has(group) || names.includes(group.name)
    )
    const rules = (read: (rule: Rule) => string | number | undefined) => (group: Group) => group.ingress.map(read)
    const shown = filtered(cloud, query, all, {
      description: group => group.description,
      'group-id': group => group.id,
      'group-name': group => group.name,
      'ip-permission.cidr': rules(rule => rule.cidr),
      'ip-permission.from-port': rules(rule => rule.from),
      'ip-permission.group-id': rules(rule => rule.group),
      'ip-permission.protocol': rules(rule => rule.protocol),
      'ip-permission.to-port': rules(rule => rule.to),
      'owner-id': () => account,
      'vpc-id': group => group.vpc
    }, group => group.id)
    return {
      securityGroupInfo: shown.map(group => ({
        ownerId: account,
        groupId: group.id,
        groupName: group.name,
        groupDescription: group.description,
        vpcId: cloud.behaviour.edge ? undefined : group.vpc,
        ipPermissions: permissions(cloud, group.ingress),
        ipPermissionsEgress: permissions(cloud, group.egress),
        tagSet: tagSet(cloud, group.id)
      }))
    }
  },

  CreateSecurityGroup (cloud, query) {
    const [name, description] = [query.need('GroupName'), query.need('GroupDescription')]
    const vpc = query.one('VpcId')
      ? find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
      : [...cloud.vpcs.values()].find(({ isDefault }) => isDefault)
    if (!vpc) throw fault('VPCIdNotSpecified', 'Default VPC not found')
    if (!/^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(name)) {
      throw fault('InvalidParameterValue', 'Invalid security group name')
    }
    if (!/^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(description)) {
      throw fault('InvalidParameterValue', 'Invalid security group description')
    }
    if ([...cloud.groups.values()].some(group => group.vpc === vpc.id && group.name === name)) {
      throw fault('InvalidGroup.Duplicate', `The security group '${name}' already exists`)
    }
    return { groupId: createGroup(cloud, vpc.id, name, description).id }
  },

  DeleteSecurityGroup (cloud, query) {
    const group = lookup(cloud, query)
    if (group.name === 'default') {
      throw fault('CannotDelete', `Group (${group.id}) cannot be deleted, it is the default group for ${group.vpc}`)
    }
    const inUse =
      [...cloud.nics.values()].some(({ groups }) => groups.includes(group.id)) ||
      [...cloud.groups.values()].some(
        (other) => other !== group && [...other.ingress, ...other.egress].some((rule) => rule.group === group.id)
      )
    if (inUse) throw fault('DependencyViolation', 'Specified group cannot be deleted because it is in use.')
    cloud.groups.delete(group.id)
    cloud.tags.delete(group.id)
  },

  AuthorizeSecurityGroupIngress: (cloud, query) => add(lookup(cloud, query), 'ingress', rulesOf(cloud, query)),
  AuthorizeSecurityGroupEgress: (cloud, query) => add(lookup(cloud, query), 'egress', rulesOf(cloud, query)),
  RevokeSecurityGroupIngress: (cloud, query) => remove(lookup(cloud, query), 'ingress', rulesOf(cloud, query)),
  RevokeSecurityGroupEgress: (cloud, query) => remove(lookup(cloud, query), 'egress', rulesOf(cloud, query))
}

export function createGroup (cloud: Cloud, vpc: string, name: string, description: string): Group {
  const group: Group = {
    id: cloud.id('sg'),
    name,
    description,
    vpc,
    ingress: [],
    egress: [{ protocol: '-1', cidr: '0.0.0.0/0' }]
  }
  if (name === 'default') group.ingress.push({ protocol: '-1', group: group.id })
  cloud.groups.set(group.id, group)
  return group
}

function add (group: Group, way: 'ingress' | 'egress', rules: Rule[]) {
  if (rules.some(rule => group[way].some(old => key(old) === key(rule)))) return { return: false }
  group[way].push(...rules)
  if (group[way].length > 50) throw fault('RulesPerSecurityGroupLimitExceeded', `Rules limit exceeded for ${group.id}`)
  return { return: true }
}

function remove (group: Group, way: 'ingress' | 'egress', rules: Rule[]) {
  const gone = new Set(rules.map(key))
  group[way] = group[way].filter(rule => !gone.has(key(rule)))
  return { return: true }
}

function lookup (cloud: Cloud, query: Query): Group {
  const [id, name] = [query.one('GroupId'), query.one('GroupName')]
  if (id) return find(cloud.groups, id, 'sg', 'InvalidGroup.NotFound')
  if (!name) throw fault('MissingParameter', 'A group id or name is required')
  const group = [...cloud.groups.values()].find(one => one.name === name && cloud.vpcs.get(one.vpc)?.isDefault)
  if (!group) throw fault('InvalidGroup.NotFound', `Security group (${name}) not found`)
  return group
}

function rulesOf (cloud: Cloud, query: Query): Rule[] {
  const given = query.groups('IpPermissions')
  if (!given.length) {
    const cidr = query.one('CidrIp')
    const source = query.one('SourceSecurityGroupName')
    const named = source ? [...cloud.groups.values()].find(({ name }) => name === source) : undefined
    if (source && !named) throw fault('InvalidGroup.NotFound', `Security group (${source}) not found`)
    if (!cidr && !named) return []
    return [
      checked({
        ...portsOf(query, source ? '-1' : undefined),
        ...(cidr && { cidr }),
        ...(named && { group: named.id })
      })
    ]
  }
  return given.flatMap(one => [
    ...one.groups('IpRanges').map(range => checked({ ...portsOf(one), cidr: range.need('CidrIp') })),
    ...one.groups('Groups').map(other => checked({ ...portsOf(one), group: lookup(cloud, other).id }))
  ])
}

function portsOf (query: Query, otherwise?: string): Rule {
  const protocol = query.one('IpProtocol') ?? otherwise
  if (!protocol) throw fault('MissingParameter', 'IpProtocol is required')
  const numbers: Record<string, string> = { 6: 'tcp', 17: 'udp', 1: 'icmp' }
  return {
    protocol: numbers[protocol] ?? protocol,
    ...(protocol !== '-1' && { from: query.int('FromPort'), to: query.int('ToPort') })
  }
}

function checked (rule: Rule): Rule {
  const { protocol, from, to, cidr } = rule
  if (!/^(tcp|udp|icmp|-1|\d{1,3})$/.test(protocol)) {
    throw fault('InvalidPermission.Malformed', `Invalid protocol (${protocol})`)
  }
  if (cidr !== undefined && !/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(cidr)) {
    throw fault('InvalidPermission.Malformed', `Invalid cidr (${cidr})`)
  }
  if (protocol === 'icmp' && Math.max(from ?? 0, to ?? 0) > 255) {
    throw fault('InvalidParameterValue', 'ICMP code out of range')
  }
  const isPort = (port: number | undefined) => port !== undefined && port >= 0 && port <= 65535
  if ((protocol === 'tcp' || protocol === 'udp') && !(isPort(from) && isPort(to) && from! <= to!)) {
    throw fault('InvalidPermission.Malformed', `Invalid port range (${from}:${to})`)
  }
  return rule
}

function key ({ protocol, from, to, cidr, group }: Rule): string {
  return [protocol, from, to, cidr, group].join(' ')
}

/** In mode EDGE groups are named, not numbered. */
function nameGroup (cloud: Cloud, id: string) {
  return cloud.behaviour.edge ? { groupName: cloud.groups.get(id)?.name } : { groupId: id }
}

function permissions (cloud: Cloud, rules: Rule[]) {
  const sets = new Map<string, Rule[]>()
  for (const rule of rules) {
    const ports = [rule.protocol, rule.from, rule.to].join(' ')
    sets.set(ports, [...sets.get(ports) ?? [], rule])
  }
  return [...sets.values()].map(set => ({
    ipProtocol: set[0]!.protocol,
    fromPort: set[0]!.from,
    toPort: set[0]!.to,
    groups: set.flatMap(({ group }) => group ? [{ userId: account, ...nameGroup(cloud, group) }] : []),
    ipRanges: set.flatMap(({ cidr }) => cidr ? [{ cidrIp: cidr }] : [])
  }))
}
