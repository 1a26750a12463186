import type { Subnet as RawSubnet } from '@aws-sdk/client-ec2'
import { ProblemError, type Subnet, type SubnetCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type SubnetService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { explaining, pointTo, type FieldRefusal } from '../../refusals.ts'
import type { Cloud } from '../client/cloud.ts'
import { createCollection, createLabelUpdate } from '../client/collection.ts'
import { readUntilSettled } from '../client/consistency.ts'
import { malformed } from '../client/errors.ts'
import { exactRule, filterNames, nameRule } from '../client/lists.ts'
import { explainFields, providerCodeOf } from '../client/refusals.ts'
import { labelOrRollBack } from '../client/rollback.ts'
import { checkEc2Tags, tagLimits, toCommonFields, toTagParameters } from '../client/tags.ts'
import { toNetworkState } from './networks.ts'

const filterRules = { name: nameRule, network_id: exactRule('vpc-id') }

export const subnetCapabilities = describe<SubnetService>({
  list: { filters: filterNames(filterRules), limits: { limit: 200 } },
  create: { parameters: ['name', 'network_id', 'cidr', 'availability_zone', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** Refusals of CreateSubnet. InvalidParameterValue may also be about the zone. */
const createRefusals: readonly FieldRefusal[] = [
  { pattern: /^InvalidVpcI[Dd]/, pointer: '/network_id' },
  { pattern: /^InvalidAvailabilityZone|^InvalidZone/, pointer: '/availability_zone' },
  { pattern: /^InvalidSubnet|^InvalidParameterValue|^InvalidCidr/, pointer: '/cidr' }
]

/**
 * Returns the gateway of a subnet: its first IPv4 address (Amazon's guide, "Subnet CIDR blocks"). IPv6 has no gateway
 * address.
 */
export function gatewayOf (cidr = ''): string | null {
  const bytes = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\//.exec(cidr)?.slice(1).map(Number)
  if (bytes === undefined) return null
  const first = bytes.reduce((sum, byte) => sum * 256 + byte, 0) + 1
  return [24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join('.')
}

const ipVersionOf = (cidr: string) => cidr.includes(':') ? 6 : 4

/** Maps a subnet of a VPC. The name servers belong to the VPC and are not shown. */
export function toSubnet (raw: RawSubnet, identity: Identity, extra: boolean): Subnet {
  const v6 = raw.Ipv6CidrBlockAssociationSet?.find(({ Ipv6CidrBlockState: state }) => state?.State === 'associated')
  const cidr = raw.CidrBlock ?? v6?.Ipv6CidrBlock ?? null
  return {
    ...toCommonFields(raw, identity, raw.State),
    state: toNetworkState(raw.State),
    network_id: raw.VpcId ?? null,
    cidr,
    ip_version: cidr === null ? null : ipVersionOf(cidr),
    gateway_ip: gatewayOf(raw.CidrBlock),
    dns_servers: [],
    availability_zone: raw.AvailabilityZone ?? null,
    extra: extra ? { ...raw } : undefined
  }
}

/** Subnets of VPCs, each in one zone. */
export function createSubnets (cloud: Cloud): SubnetService {
  const { client } = cloud
  const identify = cloud.identify('subnets')

  const collection = createCollection<RawSubnet, Subnet>({
    cloud,
    itemName: 'subnet',
    idOf: ({ SubnetId: id }) => id,
    async send ({ ids, ...request }, call) {
      const input = { ...request, SubnetIds: ids }
      const { Subnets: items, NextToken: token } = await client.read('DescribeSubnets', input, call)
      return { items, token }
    },
    pageSizes: [5, 200],
    filterRules,
    map: async (raws, extra) => raws.map((raw) => toSubnet(raw, identify(raw.SubnetId!), extra))
  })
  const { service, recent } = collection

  const deleteSubnet = (id: string, call: Call) =>
    client.change('DeleteSubnet', { SubnetId: id }, call, { idempotent: true })

  const createSubnet = ({ network_id: network, cidr, availability_zone: zone, ...labels }: SubnetCreate, call: Call) => {
    /** Eucalyptus refuses an unknown zone with the same code as a wrong block. */
    const explain = async (error: unknown) => {
      const isAboutZone = zone !== undefined && providerCodeOf(error) === 'InvalidParameterValue'
      if (!isAboutZone || !(error instanceof ProblemError)) return explainFields(error, createRefusals)
      const { AvailabilityZones: zones = [] } = await client.read('DescribeAvailabilityZones', {}, call)
      const isKnown = zones.some(({ ZoneName: name }) => name === zone)
      return isKnown ? explainFields(error, createRefusals) : pointTo('/availability_zone', error)
    }
    const tags = toTagParameters(cloud, 'subnet', labels)
    const input = { VpcId: network, CidrBlock: cidr, AvailabilityZone: zone, ...tags }
    return explaining(explain, () => client.change('CreateSubnet', input, call))
  }

  return {
    ...service,
    update: createLabelUpdate(cloud, collection),

    /** Creates a subnet and waits while it is pending. Without a zone the cloud chooses one. */
    async create (input, call) {
      checkEc2Tags(input.tags)
      if (input.cidr.includes(':')) throw invalid('/cidr', 'must be an IPv4 block')
      const { Subnet: created } = await createSubnet(input, call)
      const id = created?.SubnetId
      if (id === undefined) throw malformed('The response of the cloud has no subnet', false)
      recent.add([id])
      const { name, tags } = input
      await labelOrRollBack(cloud, id, { name, tags }, call, (rollbackCall) => deleteSubnet(id, rollbackCall))
      const read = () => service.get(id, { extra: false }, call)
      return readUntilSettled(call, read, ({ state }) => state === 'pending')
    },

    async destroy (id, call) {
      await deleteSubnet(id, call)
      recent.remove(id)
    }
  }
}
