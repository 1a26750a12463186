import type { Subnet as RawSubnet } from '@aws-sdk/client-ec2'
import { ProblemError, type Subnet, type SubnetCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type SubnetService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { explaining, pointTo } from '../../common/refusals.ts'
import {
  checkEc2Tags,
  createDirectCollection,
  exactRule,
  explainFields,
  filterNames,
  nameRule,
  providerCodeOf,
  readPage,
  tagLimits,
  toCommonFields,
  toTagParameters,
  type Cloud
} from '../client/index.ts'
import { toNetworkState } from './networks.ts'

const filterRules = { name: nameRule, network_id: exactRule('vpc-id') }

export const subnetCapabilities = describe<SubnetService>({
  list: { filters: filterNames(filterRules), limits: { limit: 200 } },
  create: {
    parameters: ['name', 'network_id', 'cidr', 'availability_zone', 'tags'],
    limits: tagLimits
  },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** Refusals of CreateSubnet. InvalidParameterValue may also be about the zone. */
const createRefusals = [
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
  const v6 = raw.Ipv6CidrBlockAssociationSet?.find(({ Ipv6CidrBlockState: state }) =>
    state?.State === 'associated'
  )
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

  const { service, update, register, readNew } = createDirectCollection<RawSubnet, Subnet>({
    cloud,
    itemName: 'subnet',
    idKey: 'SubnetId',
    read: ({ ids, ...request }, call) =>
      readPage(client, 'DescribeSubnets', 'Subnets', { ...request, SubnetIds: ids }, call),
    remove: (id, call) =>
      client.change('DeleteSubnet', { SubnetId: id }, call, { idempotent: true }),
    pageSizes: [5, 200],
    filterRules,
    map: async (raws, extra) => raws.map((raw) => toSubnet(raw, identify(raw.SubnetId!), extra))
  })

  const createSubnet = (input: SubnetCreate, call: Call) => {
    const { network_id: network, cidr, availability_zone: zone, ...labels } = input
    /** Eucalyptus refuses an unknown zone with the same code as a wrong block. */
    const explain = async (error: unknown) => {
      const isAboutZone = zone !== undefined && providerCodeOf(error) === 'InvalidParameterValue'
      if (!isAboutZone || !(error instanceof ProblemError)) {
        return explainFields(error, createRefusals)
      }
      const { AvailabilityZones: zones = [] } = await client.read(
        'DescribeAvailabilityZones',
        {},
        call
      )
      const isKnown = zones.some(({ ZoneName: name }) => name === zone)
      return isKnown ? explainFields(error, createRefusals) : pointTo('/availability_zone', error)
    }
    const tags = toTagParameters(cloud, 'subnet', labels)
    const request = { VpcId: network, CidrBlock: cidr, AvailabilityZone: zone, ...tags }
    return explaining(explain, () => client.change('CreateSubnet', request, call))
  }

  return {
    ...service,
    update,

    /** Creates a subnet and waits while it is pending. Without a zone the cloud chooses one. */
    async create (input, call) {
      checkEc2Tags(input.tags)
      if (input.cidr.includes(':')) throw invalid('/cidr', 'must be an IPv4 block')
      const { Subnet: created } = await createSubnet(input, call)
      const id = await register(created?.SubnetId, { name: input.name, tags: input.tags }, call)
      return readNew(id, call)
    }
  }
}
