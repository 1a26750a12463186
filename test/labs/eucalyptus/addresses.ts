import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { nicsOf } from './interfaces.ts'
import { account, find, normal } from './state.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'
import type { Address, Cloud } from './state.ts'

/**
 * Addresses of a network; asking for one that is not there answers with none (Eucalyptus' AddressManager and
 * ComputeService).
 */
export const addressActions: Actions = {
  DescribeAddresses (cloud, query) {
    const [ips, ids] = [query.list('PublicIp'), query.list('AllocationId').map(id => normal(id, 'eipalloc'))]
    const all = [...cloud.addresses.values()]
      .filter(address => (!ips.length || ips.includes(address.ip)) && (!ids.length || ids.includes(address.allocation)))
    const shown = filtered(cloud, query, all, {
      'allocation-id': address => address.allocation,
      'association-id': address => address.association,
      domain: () => 'vpc',
      'instance-id': address => instanceOf(cloud, address),
      'network-interface-id': address => address.nic,
      'network-interface-owner-id': address => address.nic && account,
      'private-ip-address': address => address.nic && cloud.nics.get(address.nic)?.ip,
      'public-ip': address => address.ip
    })
    return {
      addressesSet: shown.map(address => ({
        publicIp: address.ip,
        allocationId: address.allocation,
        domain: 'vpc',
        instanceId: instanceOf(cloud, address) ?? null,
        associationId: address.association,
        networkInterfaceId: address.nic,
        networkInterfaceOwnerId: address.nic && account,
        privateIpAddress: address.nic && cloud.nics.get(address.nic)?.ip
      }))
    }
  },

  AllocateAddress (cloud, query) {
    const domain = query.one('Domain')
    if (domain !== undefined && domain !== 'vpc' && domain !== 'standard') {
      throw fault('InvalidParameterValue', `Invalid domain: ${domain}`)
    }
    if (cloud.addresses.size >= cloud.behaviour.quotas.addresses) {
      throw fault('AddressLimitExceeded', 'Request would exceed quota for type: address')
    }
    const address: Address = { ip: cloud.publicIp(), allocation: cloud.id('eipalloc') }
    cloud.addresses.set(address.allocation, address)
    return { publicIp: address.ip, domain: 'vpc', allocationId: address.allocation }
  },

  AssociateAddress (cloud, query) {
    const address = lookup(cloud, query)
    const [instance, given] = [query.one('InstanceId'), query.one('NetworkInterfaceId')]
    if (!instance && !given) {
      throw fault('MissingParameter', 'Either instance ID or network interface id must be specified')
    }
    const owner = instance ? find(cloud.instances, instance, 'i', 'InvalidInstanceID.NotFound') : undefined
    if (owner && !['pending', 'running', 'stopped', 'stopping'].includes(owner.state)) {
      throw fault('InvalidInstanceID', `The instance '${owner.id}' is not in a valid state for this operation.`)
    }
    const nic = given
      ? find(cloud.nics, given, 'eni', 'InvalidNetworkInterfaceID.NotFound')
      : nicsOf(cloud, owner!.id)[0]
    if (!nic) throw fault('InvalidInstanceID', `The instance '${instance}' has no network interface`)
    if (![...cloud.gateways.values()].some(({ vpc }) => vpc === nic.vpc)) {
      throw fault('Gateway.NotAttached', `Network ${nic.vpc} is not attached to any internet gateway`)
    }
    const taken = [...cloud.addresses.values()].some(other => other !== address && other.nic === nic.id)
    if ((taken || (address.nic && address.nic !== nic.id)) && !query.flag('AllowReassociation')) {
      throw fault(
        'Resource.AlreadyAssociated',
        `resource ${address.allocation} is already associated with associate-id ${address.association}`
      )
    }
    for (const other of cloud.addresses.values()) {
      if (other.nic === nic.id) Object.assign(other, { nic: undefined, association: undefined })
    }
    Object.assign(address, { nic: nic.id, association: cloud.id('eipassoc') })
    return { return: true, associationId: address.association }
  },

  DisassociateAddress (cloud, query) {
    const [association, ip] = [query.one('AssociationId')?.toLowerCase(), query.one('PublicIp')]
    if (!association && !ip) throw fault('MissingParameter', 'Either public IP or association id must be specified')
    const address = [...cloud.addresses.values()].find((one) =>
      association ? one.association === association : one.ip === ip
    )
    if (!address) {
      throw fault(
        association ? 'InvalidAssociationID.NotFound' : 'InvalidAddress.NotFound',
        `'${association ?? ip}' not found`
      )
    }
    Object.assign(address, { nic: undefined, association: undefined })
  },

  ReleaseAddress (cloud, query) {
    const address = lookup(cloud, query)
    if (address.nic) throw fault('InvalidIPAddress.InUse', `Address ${address.ip} is in use`)
    cloud.addresses.delete(address.allocation)
  }
}

function lookup (cloud: Cloud, query: Query): Address {
  const [allocation, ip] = [query.one('AllocationId'), query.one('PublicIp')]
  if (allocation) return find(cloud.addresses, allocation, 'eipalloc', 'InvalidAllocationID.NotFound')
  if (!ip) throw fault('MissingParameter', 'Either public IP or allocation id must be specified')
  const address = [...cloud.addresses.values()].find(one => one.ip === ip)
  if (!address) throw fault('InvalidAddress.NotFound', `Address not found: ${ip}`)
  return address
}

function instanceOf (cloud: Cloud, { nic }: Address): string | undefined {
  return nic && cloud.nics.get(nic)?.attachment?.instance
}
