import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { find, type Address, type Cloud } from './state.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'

/**
 * The network mode EDGE, from Eucalyptus' NetworkGroupManager, AddressManager and VpcManager of 4.x: there are no
 * networks; addresses have no ids and belong to instances; instances show no interfaces.
 */
const none = (set: string) => () => ({ [set]: [] })

function lookup (cloud: Cloud, query: Query): Address {
  if (query.one('AllocationId') !== undefined) {
    throw fault('InvalidAllocationID.NotFound', `Allocation ID (${query.one('AllocationId')}) not found`)
  }
  const ip = query.need('PublicIp')
  const address = [...cloud.addresses.values()].find((one) => one.ip === ip)
  if (!address) throw fault('InvalidAddress.NotFound', `Address not found: ${ip}`)
  return address
}

const instances = new WeakMap<Address, string>()

export const edgeActions: Actions = {
  DescribeVpcs: none('vpcSet'),
  DescribeSubnets: none('subnetSet'),
  DescribeInternetGateways: none('internetGatewaySet'),
  DescribeRouteTables: none('routeTableSet'),
  DescribeNetworkInterfaces: none('networkInterfaceSet'),

  DescribeAddresses (cloud, query) {
    const ips = query.list('PublicIp')
    const all = [...cloud.addresses.values()].filter(({ ip }) => !ips.length || ips.includes(ip))
    const shown = filtered(cloud, query, all, {
      domain: () => 'standard',
      'instance-id': (address) => instances.get(address),
      'public-ip': ({ ip }) => ip
    })
    return {
      addressesSet: shown.map((address) => ({
        publicIp: address.ip, domain: 'standard', instanceId: instances.get(address) ?? null
      }))
    }
  },

  AllocateAddress (cloud) {
    if (cloud.addresses.size >= cloud.behaviour.quotas.addresses) {
      throw fault('AddressLimitExceeded', 'Request would exceed quota for type: address')
    }
    const address: Address = { ip: cloud.publicIp(), allocation: cloud.id('eipalloc') }
    cloud.addresses.set(address.allocation, address)
    return { publicIp: address.ip, domain: 'standard' }
  },

  AssociateAddress (cloud, query) {
    const address = lookup(cloud, query)
    instances.set(address, find(cloud.instances, query.need('InstanceId'), 'i', 'InvalidInstanceID.NotFound').id)
    return { return: true }
  },

  DisassociateAddress (cloud, query) {
    instances.delete(lookup(cloud, query))
  },

  ReleaseAddress (cloud, query) {
    cloud.addresses.delete(lookup(cloud, query).allocation)
  },

  DescribeAccountAttributes (cloud) {
    const attributes = {
      'supported-platforms': 'EC2',
      'default-vpc': 'none',
      'max-instances': String(cloud.behaviour.quotas.instances),
      'max-elastic-ips': String(cloud.behaviour.quotas.addresses)
    }
    return {
      accountAttributeSet: Object.entries(attributes).map(([attributeName, attributeValue]) => ({
        attributeName, attributeValueSet: [{ attributeValue }]
      }))
    }
  }
}

const vpcAction = /Vpc|Subnet|InternetGateway|Route|NetworkInterface/

/** Refuses what needs a network. */
export function refuseVpcs (action: string) {
  if (!vpcAction.test(action)) return
  throw fault('UnsupportedOperation', `${action} is not supported in network mode EDGE`)
}
