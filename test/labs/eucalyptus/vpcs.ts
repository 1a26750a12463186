import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { createRouteTable } from './route-tables.ts'
import { createGroup } from './security-groups.ts'
import { chosen, find } from './state.ts'
import { tagSet } from './tags.ts'
import type { Actions } from './action.ts'
import type { Cloud, Subnet, Vpc } from './state.ts'

/** The virtual networks of mode VPCMIDO, from Eucalyptus' VpcManager: networks, their subnets and gateways. */
export const vpcActions: Actions = {
  DescribeVpcs (cloud, query) {
    const all = chosen(cloud.vpcs, query.list('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    const shown = filtered(cloud, query, all, {
      cidr: vpc => vpc.cidr,
      'dhcp-options-id': () => 'default',
      isDefault: vpc => vpc.isDefault,
      state: () => 'available',
      'vpc-id': vpc => vpc.id
    }, vpc => vpc.id)
    return { vpcSet: shown.map(vpc => shownVpc(cloud, vpc)) }
  },

  CreateVpc (cloud, query) {
    const cidr = network(query.need('CidrBlock'), 16)
    if (cloud.vpcs.size >= cloud.behaviour.quotas.vpcs) {
      throw fault('VpcLimitExceeded', 'Request would exceed quota for type: vpc')
    }
    return { vpc: shownVpc(cloud, createVpc(cloud, cidr, false)) }
  },

  DeleteVpc (cloud, query) {
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    const inside = (things: Map<string, { vpc: string | undefined }>) =>
      [...things.values()].some((thing) => thing.vpc === vpc.id)
    const groups = [...cloud.groups.values()].filter(group => group.vpc === vpc.id)
    const tables = [...cloud.routeTables.values()].filter(table => table.vpc === vpc.id)
    if (
      inside(cloud.subnets) ||
      inside(cloud.gateways) ||
      groups.some(({ name }) => name !== 'default') ||
      tables.some(({ main }) => !main)
    ) {
      throw fault('DependencyViolation', `Vpc (${vpc.id}) has dependencies and cannot be deleted`)
    }
    for (const id of [vpc.id, ...groups.map(({ id }) => id), ...tables.map(({ id }) => id)]) {
      for (const things of [cloud.vpcs, cloud.groups, cloud.routeTables, cloud.tags]) things.delete(id)
    }
  },

  DescribeVpcAttribute (cloud, query) {
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    const shown = { enableDnsSupport: vpc.dnsSupport, enableDnsHostnames: vpc.dnsHostnames }[query.need('Attribute')]
    if (shown === undefined) throw fault('InvalidParameterValue', 'Invalid attribute')
    return { vpcId: vpc.id, [query.need('Attribute')]: { value: shown } }
  },

  ModifyVpcAttribute (cloud, query) {
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    vpc.dnsSupport = query.flag('EnableDnsSupport.Value') ?? vpc.dnsSupport
    vpc.dnsHostnames = query.flag('EnableDnsHostnames.Value') ?? vpc.dnsHostnames
  },

  DescribeSubnets (cloud, query) {
    const all = chosen(cloud.subnets, query.list('SubnetId'), 'subnet', 'InvalidSubnetID.NotFound')
    const shown = filtered(cloud, query, all, {
      'availability-zone': subnet => subnet.zone,
      'available-ip-address-count': subnet => freeCount(cloud, subnet),
      cidr: subnet => subnet.cidr,
      'cidr-block': subnet => subnet.cidr,
      'default-for-az': subnet => subnet.isDefault,
      defaultForAz: subnet => subnet.isDefault,
      state: () => 'available',
      'subnet-id': subnet => subnet.id,
      'vpc-id': subnet => subnet.vpc
    }, subnet => subnet.id)
    return { subnetSet: shown.map(subnet => shownSubnet(cloud, subnet)) }
  },

  CreateSubnet (cloud, query) {
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    const cidr = network(query.need('CidrBlock'), 28)
    if (!contains(vpc.cidr, cidr)) throw fault('InvalidSubnet.Range', `The cidr '${cidr}' is invalid`)
    const siblings = [...cloud.subnets.values()].filter(subnet => subnet.vpc === vpc.id)
    if (siblings.some(other => contains(other.cidr, cidr) || contains(cidr, other.cidr))) {
      throw fault('InvalidSubnet.Conflict', `The cidr '${cidr}' conflicts with another subnet`)
    }
    const zone = query.one('AvailabilityZone') ?? cloud.zones[0]!
    if (!cloud.zones.includes(zone)) throw fault('InvalidParameterValue', `No such zone: ${zone}`)
    return { subnet: shownSubnet(cloud, createSubnet(cloud, vpc, cidr, zone, false)) }
  },

  DeleteSubnet (cloud, query) {
    const subnet = find(cloud.subnets, query.need('SubnetId'), 'subnet', 'InvalidSubnetID.NotFound')
    if ([...cloud.nics.values()].some(nic => nic.subnet === subnet.id)) {
      throw fault('DependencyViolation', `The subnet '${subnet.id}' has dependencies and cannot be deleted.`)
    }
    for (const table of cloud.routeTables.values()) {
      table.associations = table.associations.filter((one) => one.subnet !== subnet.id)
    }
    cloud.subnets.delete(subnet.id)
    cloud.tags.delete(subnet.id)
  },

  ModifySubnetAttribute (cloud, query) {
    const subnet = find(cloud.subnets, query.need('SubnetId'), 'subnet', 'InvalidSubnetID.NotFound')
    subnet.mapPublic = query.flag('MapPublicIpOnLaunch.Value') ?? subnet.mapPublic
  },

  DescribeInternetGateways (cloud, query) {
    const all = chosen(cloud.gateways, query.list('InternetGatewayId'), 'igw', 'InvalidInternetGatewayID.NotFound')
    const shown = filtered(cloud, query, all, {
      'attachment.state': gateway => gateway.vpc && 'available',
      'attachment.vpc-id': gateway => gateway.vpc,
      'internet-gateway-id': gateway => gateway.id
    }, gateway => gateway.id)
    return {
      internetGatewaySet: shown.map(({ id, vpc }) => ({
        internetGatewayId: id, attachmentSet: vpc ? [{ vpcId: vpc, state: 'available' }] : [], tagSet: tagSet(cloud, id)
      }))
    }
  },

  CreateInternetGateway (cloud) {
    if (cloud.gateways.size >= cloud.behaviour.quotas.gateways) {
      throw fault('InternetGatewayLimitExceeded', 'Request would exceed quota for type: internet-gateway')
    }
    const id = cloud.id('igw')
    cloud.gateways.set(id, { id, vpc: undefined })
    return { internetGateway: { internetGatewayId: id, attachmentSet: [], tagSet: [] } }
  },

  DeleteInternetGateway (cloud, query) {
    const gateway = find(cloud.gateways, query.need('InternetGatewayId'), 'igw', 'InvalidInternetGatewayID.NotFound')
    if (gateway.vpc) throw fault('DependencyViolation', `Internet gateway (${gateway.id}) is in use`)
    cloud.gateways.delete(gateway.id)
    cloud.tags.delete(gateway.id)
  },

  AttachInternetGateway (cloud, query) {
    const gateway = find(cloud.gateways, query.need('InternetGatewayId'), 'igw', 'InvalidInternetGatewayID.NotFound')
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    if (gateway.vpc || [...cloud.gateways.values()].some(other => other.vpc === vpc.id)) {
      throw fault('Resource.AlreadyAssociated', `resource ${gateway.id} is already attached`)
    }
    gateway.vpc = vpc.id
  },

  DetachInternetGateway (cloud, query) {
    const gateway = find(cloud.gateways, query.need('InternetGatewayId'), 'igw', 'InvalidInternetGatewayID.NotFound')
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    if (gateway.vpc !== vpc.id) {
      throw fault('Gateway.NotAttached', `resource ${gateway.id} is not attached to network ${vpc.id}`)
    }
    const nics = new Set([...cloud.nics.values()].filter(nic => nic.vpc === vpc.id).map(({ id }) => id))
    if ([...cloud.addresses.values()].some(({ nic }) => nic && nics.has(nic))) {
      throw fault('DependencyViolation', `Network ${vpc.id} has some mapped public address(es)`)
    }
    gateway.vpc = undefined
  }
}

/** With its security group and its main route table. */
export function createVpc (cloud: Cloud, cidr: string, isDefault: boolean): Vpc {
  const vpc: Vpc = { id: cloud.id('vpc'), cidr, isDefault, dnsSupport: true, dnsHostnames: isDefault }
  cloud.vpcs.set(vpc.id, vpc)
  createGroup(cloud, vpc.id, 'default', 'default VPC security group')
  createRouteTable(cloud, vpc, true)
  return vpc
}

export function createSubnet (cloud: Cloud, vpc: Vpc, cidr: string, zone: string, isDefault: boolean): Subnet {
  const subnet: Subnet = { id: cloud.id('subnet'), vpc: vpc.id, cidr, zone, isDefault, mapPublic: isDefault }
  cloud.subnets.set(subnet.id, subnet)
  return subnet
}

/** The first free address; the first four and the last of a subnet are never given. */
export function freeIp (cloud: Cloud, subnet: Subnet, wanted?: string): string {
  const used = new Set([...cloud.nics.values()].filter(nic => nic.subnet === subnet.id).map(({ ip }) => ip))
  if (wanted !== undefined) {
    if (!contains(subnet.cidr, `${wanted}/32`)) {
      throw fault('InvalidParameterValue', `Address does not fall within the subnet's address range: ${wanted}`)
    }
    if (used.has(wanted)) throw fault('InvalidIPAddress.InUse', `Address is in use: ${wanted}`)
    return wanted
  }
  const [start, bits] = parse(subnet.cidr)
  for (let host = 4; host < 2 ** (32 - bits) - 1; host++) {
    const ip = [24, 16, 8, 0].map(shift => ((start + host) >>> shift) & 255).join('.')
    if (!used.has(ip)) return ip
  }
  throw fault('InsufficientFreeAddressesInSubnet', `No free address in ${subnet.id}`)
}

function shownVpc (cloud: Cloud, { id, cidr, isDefault }: Vpc) {
  return {
    vpcId: id,
    state: 'available',
    cidrBlock: cidr,
    dhcpOptionsId: 'default',
    tagSet: tagSet(cloud, id),
    instanceTenancy: 'default',
    isDefault
  }
}

function shownSubnet (cloud: Cloud, subnet: Subnet) {
  return {
    subnetId: subnet.id,
    state: 'available',
    vpcId: subnet.vpc,
    cidrBlock: subnet.cidr,
    availableIpAddressCount: freeCount(cloud, subnet),
    availabilityZone: subnet.zone,
    defaultForAz: subnet.isDefault,
    mapPublicIpOnLaunch: subnet.mapPublic,
    tagSet: tagSet(cloud, subnet.id)
  }
}

function freeCount (cloud: Cloud, subnet: Subnet): number {
  return 2 ** (32 - parse(subnet.cidr)[1]) - 5 - [...cloud.nics.values()].filter(nic => nic.subnet === subnet.id).length
}

function network (cidr: string, longest: number): string {
  if (!/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/.test(cidr)) {
    throw fault('InvalidParameterValue', `Value (${cidr}) for parameter CidrBlock is invalid.`)
  }
  const [start, bits] = parse(cidr)
  if (bits < 16 || bits > 28) {
    throw fault(longest === 16 ? 'InvalidVpcRange' : 'InvalidSubnet.Range', `The CIDR '${cidr}' is invalid.`)
  }
  if (start % 2 ** (32 - bits) !== 0) {
    throw fault('InvalidParameterValue', `Value (${cidr}) for parameter CidrBlock is invalid.`)
  }
  return cidr
}

function contains (outer: string, inner: string): boolean {
  const [[start, bits], [other, more]] = [parse(outer), parse(inner)]
  return more >= bits && Math.floor(start / 2 ** (32 - bits)) === Math.floor(other / 2 ** (32 - bits))
}

function parse (cidr: string): [number, number] {
  const [address = '', bits = '32'] = cidr.split('/')
  return [address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0), Number(bits)]
}
