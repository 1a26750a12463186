import type { Address } from '@aws-sdk/client-ec2'
import { ProblemError, type FloatingIp } from '../../../openapi/model/index.ts'
import { describe, type FloatingIpService, type Identity } from '../../driver.ts'
import {
  checkEc2Tags,
  createDirectCollection,
  exactRule,
  ignoreMissing,
  nameRule,
  readPage,
  tagLimits,
  toCommonFields,
  toTagList,
  toTagParameters,
  type Cloud,
  type Dialect
} from '../client/index.ts'
import { chooseNic } from './floating-targets.ts'

const filterRules = {
  name: nameRule,
  address: exactRule('public-ip'),
  node_id: exactRule('instance-id')
}

/** Eucalyptus 4, which sets tags after the creation, has no tags of addresses. */
export const describeFloatingIps = ({ tagsOnCreate: hasTags }: Dialect) =>
  describe<FloatingIpService>({
    list: { filters: ['address', 'node_id', ...(hasTags ? ['name', 'tag'] as const : [])] },
    create: hasTags ? { parameters: ['tags'], limits: tagLimits } : {},
    associate: { parameters: ['node_id', 'nic_id', 'fixed_address'] }
  })

/** The cloud leaves a missing value out, or sends an empty text. */
const toNullable = (text: string | undefined) => text || null

/** Maps an elastic IP of a VPC. Its pool is Amazon's, or the account's own; the API cannot choose it. */
export function toFloatingIp (raw: Address, identity: Identity, extra: boolean): FloatingIp {
  const nic = toNullable(raw.NetworkInterfaceId)
  const isAvailable = nic === null && toNullable(raw.AssociationId) === null
  return {
    ...toCommonFields(raw, identity, undefined),
    state: isAvailable ? 'available' : 'associated',
    address: raw.PublicIp ?? null,
    version: 4,
    pool: null,
    node_id: toNullable(raw.InstanceId),
    nic_id: nic,
    fixed_address: toNullable(raw.PrivateIpAddress),
    extra: extra ? { ...raw } : undefined
  }
}

/** The fields that an address has only while it is associated. */
const noAssociation = {
  AssociationId: undefined,
  NetworkInterfaceId: undefined,
  InstanceId: undefined,
  PrivateIpAddress: undefined
}

/** Elastic IPs. The cloud lists them without pages. */
export function createFloatingIps (cloud: Cloud): FloatingIpService {
  const { client } = cloud
  const identify = cloud.identify('floating_ips')
  const map = (raw: Address, extra = false) => toFloatingIp(raw, identify(raw.AllocationId!), extra)

  const { service, find, register } = createDirectCollection<Address, FloatingIp>({
    cloud,
    itemName: 'floating IP',
    idKey: 'AllocationId',
    async read ({ Filters, ids }, call) {
      const input = { Filters, AllocationIds: ids }
      const { items } = await readPage(client, 'DescribeAddresses', 'Addresses', input, call)
      // An address outside of VPCs has no such id.
      return { items: items.filter(({ AllocationId: id }) => toNullable(id) !== null) }
    },
    remove: (id, call) =>
      client.change('ReleaseAddress', { AllocationId: id }, call, { idempotent: true }),
    filterRules,
    map: async (raws, extra) => raws.map((raw) => map(raw, extra))
  })

  return {
    ...service,

    async create ({ tags }, call) {
      checkEc2Tags(tags)
      const input = { Domain: 'vpc' as const, ...toTagParameters(cloud, 'elastic-ip', { tags }) }
      const { AllocationId: created, PublicIp: address } = await client.change(
        'AllocateAddress',
        input,
        call
      )
      const id = await register(created, { tags }, call)
      return map({ AllocationId: id, PublicIp: address, Tags: toTagList({ tags }) })
    },

    /** Associates an address with a NIC. An address of another NIC is not moved (in_use). */
    async associate (id, input, call) {
      const raw = await find(id, call)
      const { nic, address } = await chooseNic(client, input, call)
      if (toNullable(raw.AssociationId) !== null) {
        if (raw.NetworkInterfaceId === nic.NetworkInterfaceId && raw.PrivateIpAddress === address) {
          return map(raw)
        }
        throw new ProblemError('in_use', `${id} is associated with ${raw.NetworkInterfaceId}`)
      }
      const target = { NetworkInterfaceId: nic.NetworkInterfaceId, PrivateIpAddress: address }
      const request = { AllocationId: id, ...target, AllowReassociation: false }
      // Gateway.NotAttached: the network of the NIC has no internet gateway.
      const pattern = /^InvalidNetworkInterface|^Gateway\.NotAttached|^InvalidInstanceI[Dd]/
      const pointer = input.nic_id === undefined ? '/node_id' : '/nic_id'
      const { AssociationId: association } = await client.change(
        'AssociateAddress',
        request,
        call,
        {
          idempotent: true,
          refusals: [{ pattern, pointer }]
        }
      )
      return map({
        ...raw,
        AssociationId: association,
        ...target,
        InstanceId: nic.Attachment?.InstanceId
      })
    },

    async disassociate (id, call) {
      const raw = await find(id, call)
      const association = toNullable(raw.AssociationId)
      if (association === null) return map(raw)
      const input = { AssociationId: association }
      await ignoreMissing(client.change('DisassociateAddress', input, call, { idempotent: true }))
      return map({ ...raw, ...noAssociation })
    }
  }
}
