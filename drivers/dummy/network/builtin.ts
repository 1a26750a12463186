import { newRecord } from '../record.ts'
import { hexOf } from '../random.ts'
import { addressAt } from './addresses.ts'
import type { StoredGroup, StoredKeyPair, StoredNetwork, StoredRule, StoredSubnet } from './stored.ts'

const made = Date.parse('2026-01-15T00:00:00.000Z')
const from = (seq: number, id: string) => ({ ...newRecord(seq, id), created_at: made, updated_at: made })

export const privateNetwork = 'net-private'
export const publicNetwork = 'net-public'
export const defaultGroup = 'sg-default'

const subnet = (seq: number, network: string, cidr: string, gateway: string): StoredSubnet => {
  const name = network.replace('net-', '')
  return { ...from(seq, `subnet-${name}`), name, tags: {}, network_id: network, cidr, gateway_ip: gateway, dns_servers: [] }
}

// RFC 2544 keeps 198.18.0.0/15 for tests: nobody on the internet has it.
const subnets = [subnet(0, privateNetwork, '10.0.0.0/16', '10.0.0.1'), subnet(1, publicNetwork, '198.18.0.0/15', '198.18.0.1')]

export const firstSubnets = () => [...subnets]

export const firstNetworks = (): StoredNetwork[] => subnets.map(({ seq, network_id: id, id: subnetId, cidr }) => ({
  ...from(seq, id), name: id.replace('net-', ''), tags: {}, external: id === publicNetwork, mtu: 1500, subnets: [{ id: subnetId, cidr }]
}))

/** A rule that lets everything pass, except what its fields say. */
export const ruleOf = (id: string, fields: Pick<StoredRule, 'direction' | 'ethertype'> & Partial<StoredRule>): StoredRule => ({
  id,
  protocol: null,
  port_min: null,
  port_max: null,
  icmp_type: null,
  icmp_code: null,
  cidr: null,
  remote_group_id: null,
  description: null,
  ...fields
})

/** What a new group has: all may go out. */
export const firstRules = (newId: () => string) =>
  (['IPv4', 'IPv6'] as const).map((ethertype) => ruleOf(newId(), { direction: 'egress', ethertype }))

/** The group of NICs for which none is named: all may go out, and its members reach each other. */
export const firstGroups = (): StoredGroup[] => [{
  ...from(0, defaultGroup),
  name: 'default',
  tags: {},
  description: 'Default security group',
  rules: [
    ...(['IPv4', 'IPv6'] as const).map((ethertype, i) => ruleOf(`rule-0000000${i}`, { direction: 'egress', ethertype })),
    ...(['IPv4', 'IPv6'] as const).map((ethertype, i) =>
      ruleOf(`rule-0000000${2 + i}`, { direction: 'ingress', ethertype, remote_group_id: defaultGroup }))
  ]
}]

/** A key pair whose private half nobody has: to try requests with. */
export const firstKeyPairs = (): StoredKeyPair[] => [{
  ...from(0, 'dummy-key'),
  type: 'ed25519',
  fingerprint: 'SHA256:dFFcSpR9fsMcWp4C8py68SlFXSBDpazuPNz3NDq1q6c',
  public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBnaTMgU3/4E30NYumB0mI4stywtuN2fb6LGNMXQQdTV dummy-key'
}]

/** The NICs of a node that is there from the start: one on each network, at the place of the node. */
export const seedNics = (seq: number, random: () => number) => subnets.map((subnet) => ({
  id: `nic-${hexOf(random)}`,
  network_id: subnet.network_id,
  subnet_id: subnet.id,
  address: addressAt(subnet, BigInt(seq)),
  security_group_ids: [defaultGroup],
  floating: null
}))
