import t from 'tap'
import type { FloatingIpAssociate, ProblemError, SecurityGroupRuleCreate } from '../../openapi/model/index.ts'
import type { Call } from '../../drivers/call.ts'
import type { Client } from '../../drivers/ec2/client/client.ts'
import { toFloatingIp } from '../../drivers/ec2/network/floating-ips.ts'
import { chooseNic } from '../../drivers/ec2/network/floating-targets.ts'
import { toNetwork } from '../../drivers/ec2/network/networks.ts'
import { findFreeIndex, toNic } from '../../drivers/ec2/compute/nics.ts'
import { toRouter } from '../../drivers/ec2/network/routers.ts'
import { permissionOf, rulesOf, toPermission, toRule } from '../../drivers/ec2/network/security-rules.ts'
import { gatewayOf, toSubnet } from '../../drivers/ec2/network/subnets.ts'
import { runOrRollBack } from '../../drivers/ec2/client/rollback.ts'
import { invalid } from '../../drivers/common/invalid.ts'

const identity = {
  id: 'x',
  cloud: 'default',
  driver: 'ec2',
  location: 'us-east-1',
  self: '/api/v2/clouds/default/networks/x'
}
const quiet = { debug () {}, info () {}, warn () {}, error () {} }
const call: Call = { signal: new AbortController().signal, log: quiet, requestId: 'r' }

const pointerOf = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as ProblemError).details.errors?.[0]?.pointer
  }
  return undefined
}

t.test('a rule is translated to a permission: protocol, ports, ICMP, addresses and group', async (t) => {
  const ingress = (rule: Omit<SecurityGroupRuleCreate, 'direction'>) =>
    toPermission({ direction: 'ingress', ...rule }, true)
  t.strictSame(
    ingress({}),
    { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
    'nothing said is anything of IPv4'
  )
  t.strictSame(ingress({ ethertype: 'IPv6' }), { IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] })
  t.strictSame(ingress({ protocol: 'tcp', port_min: 80, cidr: '10.0.0.0/8', description: 'web' }), {
    IpProtocol: 'tcp',
    FromPort: 80,
    ToPort: 80,
    IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'web' }]
  })
  t.match(ingress({ protocol: '17' }), { IpProtocol: 'udp', FromPort: 0, ToPort: 65535 }, 'no port is any port')
  t.strictSame(ingress({ protocol: 'gre', remote_group_id: 'sg-1' }), {
    IpProtocol: '47',
    UserIdGroupPairs: [{ GroupId: 'sg-1' }]
  })
  t.match(ingress({ protocol: 'icmp' }), { IpProtocol: 'icmp', FromPort: -1, ToPort: -1 })
  t.match(ingress({ protocol: 'icmp', icmp_type: 8 }), { FromPort: 8, ToPort: -1 })
  t.match(ingress({ protocol: 'icmpv6' }), { IpProtocol: 'icmpv6', Ipv6Ranges: [{ CidrIpv6: '::/0' }] })
})

t.test('an invalid rule is refused at its field', async (t) => {
  const at = (rule: Omit<SecurityGroupRuleCreate, 'direction'>, modern = true) =>
    pointerOf(() => toPermission({ direction: 'ingress', ...rule }, modern))
  t.equal(at({ protocol: 'nonsense' }), '/protocol')
  t.equal(at({ protocol: 'gre', port_min: 1 }), '/port_min')
  t.equal(at({ protocol: 'icmp', icmp_code: 0 }), '/icmp_type')
  t.equal(at({ ethertype: 'IPv4', cidr: '::/0' }), '/cidr')
  t.equal(at({ ethertype: 'IPv4', protocol: 'icmpv6' }), '/protocol')
  t.equal(at({ cidr: '::/0' }, false), '/cidr', 'IPv6 where there is none')
  t.equal(at({ cidr: '::/0' }), undefined)
})

t.test('protocol -1 is any, protocol numbers become names, and all ports are null', async (t) => {
  const base = { SecurityGroupRuleId: 'sgr-1', GroupId: 'sg-1', IsEgress: false }
  t.match(toRule({ ...base, IpProtocol: '-1', FromPort: -1, ToPort: -1, CidrIpv4: '0.0.0.0/0' }), {
    id: 'sgr-1',
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: null,
    port_min: null,
    port_max: null,
    icmp_type: null,
    cidr: '0.0.0.0/0'
  })
  t.match(toRule({ ...base, IsEgress: true, IpProtocol: '6', FromPort: 0, ToPort: 65535, CidrIpv6: '::/0' }), {
    direction: 'egress',
    ethertype: 'IPv6',
    protocol: 'tcp',
    port_min: null,
    port_max: null,
    cidr: '::/0'
  })
  t.match(toRule({ ...base, IpProtocol: 'icmp', FromPort: 8, ToPort: -1, ReferencedGroupInfo: { GroupId: 'sg-2' } }), {
    icmp_type: 8,
    icmp_code: null,
    port_min: null,
    cidr: null,
    remote_group_id: 'sg-2'
  })
  t.match(
    toRule({ ...base, IpProtocol: 'tcp', FromPort: 1, ToPort: 2, PrefixListId: 'pl-1' }),
    { cidr: 'pl-1' },
    'a list of prefixes is not everybody'
  )
})

t.test('a rule is never shown with less restriction than it has', async (t) => {
  const base = { SecurityGroupRuleId: 'sgr-1', IpProtocol: 'tcp', FromPort: 22, ToPort: 22 }
  const other = { GroupId: 'sg-2', UserId: '222222222222', VpcPeeringConnectionId: 'pcx-1', PeeringStatus: 'active' }
  for (const [raw, remote] of [
    [{ CidrIpv4: '0.0.0.0/0' }, 'cidr'],
    [{ CidrIpv6: '::/0' }, 'cidr'],
    [{ PrefixListId: 'pl-1' }, 'prefix_list'],
    [{ ReferencedGroupInfo: other }, 'security_group'],
    // A group of another account whose peering has ended may lack its id.
    [{ ReferencedGroupInfo: { UserId: '222222222222', PeeringStatus: 'deleted' } }, 'unknown'],
    [{ ReferencedGroupInfo: { ...other, GroupId: '' } }, 'unknown'],
    // Something that Amazon may add.
    [{ RemoteThing: 'x' }, 'unknown']
  ] as const) t.equal(toRule({ ...base, ...raw }).remote, remote, JSON.stringify(raw))

  const rules = rulesOf({
    IpPermissions: [{
      IpProtocol: 'tcp',
      FromPort: 22,
      ToPort: 22,
      IpRanges: [{ CidrIp: '10.0.0.0/8' }],
      Ipv6Ranges: [{ CidrIpv6: '2001:db8::/32' }],
      PrefixListIds: [{ PrefixListId: 'pl-1' }],
      // A network without VPCs names groups by account and name.
      UserIdGroupPairs: [{ GroupId: 'sg-2' }, { UserId: '222222222222', GroupName: 'web' }]
    }]
  })
  t.same(rules.map(({ remote, ethertype, cidr, remote_group_id: group }) => [remote, ethertype, cidr ?? group]), [
    ['cidr', 'IPv4', '10.0.0.0/8'],
    ['cidr', 'IPv6', '2001:db8::/32'],
    ['prefix_list', 'IPv4', 'pl-1'],
    ['security_group', 'IPv4', 'sg-2'],
    ['unknown', 'IPv4', null]
  ])
})

t.test('a rule without an id is named by its content, and revoked by it', async (t) => {
  const group = {
    IpPermissions: [
      {
        IpProtocol: 'tcp',
        FromPort: 80,
        ToPort: 81,
        IpRanges: [{ CidrIp: '10.0.0.0/8' }],
        UserIdGroupPairs: [{ GroupId: 'sg-2' }]
      },
      { IpProtocol: 'icmp', FromPort: 8, ToPort: -1, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }
    ],
    IpPermissionsEgress: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }]
  }
  const rules = rulesOf(group)
  t.strictSame(
    rules.map(({ id }) => id),
    [
      'ingress.tcp.80.81.10.0.0.0_8',
      'ingress.tcp.80.81.sg-2',
      'ingress.icmp.8.any.0.0.0.0_0',
      'egress.any.any.any.0.0.0.0_0'
    ]
  )
  for (const { id } of rules) t.equal(encodeURIComponent(id), id)
  t.strictSame(permissionOf(rules[1]!), {
    IpProtocol: 'tcp',
    FromPort: 80,
    ToPort: 81,
    UserIdGroupPairs: [{ GroupId: 'sg-2' }]
  })
  t.strictSame(permissionOf(rules[2]!), {
    IpProtocol: 'icmp',
    FromPort: 8,
    ToPort: -1,
    IpRanges: [{ CidrIp: '0.0.0.0/0' }]
  })
  t.strictSame(permissionOf(rules[3]!), { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] })
})

t.test('a route table is a router; its gateway is named by the network', async (t) => {
  const table = {
    VpcId: 'vpc-1',
    Tags: [
      { Key: 'Name', Value: 'edge' },
      { Key: 'env', Value: 'test' }
    ],
    Routes: [
      { DestinationCidrBlock: '10.0.0.0/16', GatewayId: 'local' },
      { DestinationCidrBlock: '0.0.0.0/0', GatewayId: 'igw-1', State: 'active' as const }
    ],
    Associations: [
      { RouteTableAssociationId: 'rtbassoc-1', SubnetId: 'subnet-1' },
      { RouteTableAssociationId: 'rtbassoc-2', Main: true },
      {
        RouteTableAssociationId: 'rtbassoc-3',
        SubnetId: 'subnet-3',
        AssociationState: { State: 'disassociated' as const }
      }
    ]
  }
  t.match(toRouter(table, identity, false), {
    name: 'edge',
    tags: { env: 'test' },
    network_id: 'vpc-1',
    external_gateway: { network_id: 'vpc-1' },
    interfaces: [{ subnet_id: 'subnet-1' }]
  })
  t.equal(toRouter(table, identity, false).interfaces.length, 1)
  const dead = {
    ...table,
    Routes: [{ DestinationCidrBlock: '0.0.0.0/0', GatewayId: 'igw-1', State: 'blackhole' as const }]
  }
  t.equal(toRouter(dead, identity, false).external_gateway, null, 'a gateway that is gone leads nowhere')
})

t.test('networks have their blocks; subnets have their first address as gateway', async (t) => {
  const block = (CidrBlock: string, State: 'associated' | 'disassociated') => ({ CidrBlock, CidrBlockState: { State } })
  const vpc = {
    VpcId: 'vpc-1',
    State: 'available' as const,
    CidrBlockAssociationSet: [block('10.0.0.0/16', 'associated'), block('10.9.0.0/16', 'disassociated')]
  }
  t.match(toNetwork(vpc, ['subnet-1'], identity, false), {
    state: 'available',
    cidrs: ['10.0.0.0/16'],
    is_external: false,
    mtu: null,
    subnet_ids: ['subnet-1']
  })
  t.strictSame(toNetwork({ CidrBlock: '10.1.0.0/16' }, [], identity, false).cidrs, ['10.1.0.0/16'])
  t.match(toSubnet({ CidrBlock: '10.0.1.128/25', VpcId: 'vpc-1', AvailabilityZone: 'a' }, identity, false), {
    gateway_ip: '10.0.1.129',
    ip_version: 4,
    network_id: 'vpc-1',
    availability_zone: 'a',
    dns_servers: [],
    state: 'unknown'
  })
  t.equal(gatewayOf('223.255.255.0/24'), '223.255.255.1')
  t.equal(gatewayOf(undefined), null)
})

t.test('an elastic IP is associated with a NIC or available; empty texts are null', async (t) => {
  t.match(toFloatingIp({ AllocationId: 'eipalloc-1', PublicIp: '192.0.2.1', InstanceId: '' }, identity, false), {
    state: 'available',
    address: '192.0.2.1',
    version: 4,
    node_id: null,
    nic_id: null,
    fixed_address: null,
    pool: null
  })
  t.match(
    toFloatingIp(
      { AssociationId: 'eipassoc-1', NetworkInterfaceId: 'eni-1', InstanceId: 'i-1', PrivateIpAddress: '10.0.0.4' },
      identity,
      false
    ),
    { state: 'associated', node_id: 'i-1', nic_id: 'eni-1', fixed_address: '10.0.0.4' }
  )
})

t.test('an address is associated with the only NIC that fits; otherwise the error lists the NICs', async (t) => {
  const nics = [
    {
      NetworkInterfaceId: 'eni-1',
      PrivateIpAddress: '10.0.0.4',
      PrivateIpAddresses: [{ PrivateIpAddress: '10.0.0.4' }, { PrivateIpAddress: '10.0.0.5' }]
    },
    { NetworkInterfaceId: 'eni-2', PrivateIpAddress: '10.0.1.4' }
  ]
  const choose = (wanted: FloatingIpAssociate, there = nics) =>
    chooseNic({ read: async () => ({ NetworkInterfaces: there }) } as unknown as Client, wanted, call)
  const refusedAt = async (wanted: FloatingIpAssociate, there = nics) =>
    choose(wanted, there).then(
      () => undefined,
      ({ details }: ProblemError) => details.errors?.[0]
    )
  t.match(await choose({ node_id: 'i-1', nic_id: 'eni-2' }), {
    nic: { NetworkInterfaceId: 'eni-2' },
    address: '10.0.1.4'
  })
  t.match(await choose({ node_id: 'i-1', fixed_address: '10.0.0.5' }), {
    nic: { NetworkInterfaceId: 'eni-1' },
    address: '10.0.0.5'
  })
  t.match(await refusedAt({ node_id: 'i-1' }), { pointer: '/node_id', message: /eni-1 .*eni-2/ })
  t.match(await refusedAt({ node_id: 'i-1' }, []), { pointer: '/node_id' })
  t.match(await refusedAt({ node_id: 'i-1', nic_id: 'eni-3' }), { pointer: '/nic_id' })
  t.match(await refusedAt({ node_id: 'i-1', fixed_address: '10.9.9.9' }), { pointer: '/fixed_address' })
})

t.test('a NIC shows whether it is primary, and a new one takes the lowest free index', async (t) => {
  const at = (DeviceIndex: number) => ({
    NetworkInterfaceId: `eni-${DeviceIndex}`,
    Attachment: { DeviceIndex, Status: 'attached' as const }
  })
  t.match(toNic({ ...at(0), VpcId: 'vpc-1', SubnetId: 'subnet-1', Groups: [{ GroupId: 'sg-1' }] }), {
    id: 'eni-0',
    network_id: 'vpc-1',
    subnet_id: 'subnet-1',
    security_group_ids: ['sg-1'],
    primary: true,
    state: 'available'
  })
  t.equal(toNic(at(2)).primary, false)
  t.equal(findFreeIndex({ NetworkInterfaces: [at(0), at(1), at(3)] }), 2)
  t.equal(findFreeIndex({}), 1)
})

t.test('a failure after a first step rolls it back; if that fails, the error says what remains', async (t) => {
  const fails = async () => {
    throw invalid('/x', 'is bad')
  }
  let undone = 0
  await t.rejects(
    runOrRollBack(call, 'vpc-1 is there', fails, async () => {
      undone++
    }),
    { code: 'validation_failed', message: '/x is bad' }
  )
  t.equal(undone, 1)
  await t.rejects(runOrRollBack(call, 'vpc-1 is there', fails, fails), {
    code: 'validation_failed',
    message: /vpc-1 is there; the rollback failed: /
  })
  t.equal(await runOrRollBack(call, 'vpc-1 is there', async () => 1, fails), 1)
})
