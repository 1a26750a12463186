import type { Subnet as RawSubnet } from '@aws-sdk/client-ec2'
import { ProblemError, type Subnet, type SubnetCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, SubnetService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { commonOf, createReads, createUpdate, settled } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { byName } from '../client/lists.ts'
import { networkState } from './networks.ts'
import { explainFields, pointTo, type RefusedField } from '../client/refusals.ts'
import { ec2Tags, tagSpecifications } from '../client/tags.ts'
import { labelMade } from '../client/rollback.ts'

/** Refusals of CreateSubnet. InvalidParameterValue may be of the zone. */
const fields: readonly RefusedField[] = [
  { code: /^InvalidVpcI[Dd]/, pointer: '/network_id' },
  { code: /^InvalidAvailabilityZone|^InvalidZone/, pointer: '/availability_zone' },
  { code: /^InvalidSubnet|^InvalidParameterValue|^InvalidCidr/, pointer: '/cidr' }
]

/** The router of a subnet has its first address (Amazon's guide, "Subnet CIDR blocks"); that of IPv6 has none of its own. */
export function gatewayOf (cidr: string | undefined): string | null {
  const bytes = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\//.exec(cidr ?? '')?.slice(1).map(Number)
  if (bytes === undefined) return null
  const first = bytes.reduce((sum, byte) => sum * 256 + byte, 0) + 1
  return [24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join('.')
}

/** A subnet of a VPC. The name servers are the VPC's, and are not told here. */
export function toSubnet (raw: RawSubnet, identity: Identity, extra: boolean): Subnet {
  const six = raw.Ipv6CidrBlockAssociationSet?.find(({ Ipv6CidrBlockState: state }) => state?.State === 'associated')?.Ipv6CidrBlock
  const cidr = raw.CidrBlock ?? six ?? null
  return {
    ...commonOf(raw, identity, raw.State),
    state: networkState(raw.State),
    network_id: raw.VpcId ?? null,
    cidr,
    ip_version: cidr === null ? null : cidr.includes(':') ? 6 : 4,
    gateway_ip: gatewayOf(raw.CidrBlock),
    dns_servers: [],
    availability_zone: raw.AvailabilityZone ?? null,
    ...(extra ? { extra: { ...raw } } : {})
  }
}

/** Subnets of VPCs, each in one zone. */
export function createSubnets (cloud: Cloud): SubnetService {
  const { client } = cloud
  const identify = cloud.identify('subnets')

  const { find, note, forget, ...reads } = createReads<RawSubnet, Subnet>({
    cloud,
    word: 'subnet',
    idOf: ({ SubnetId: id }) => id,
    async send ({ ids, ...asked }, call) {
      const input = { ...asked, SubnetIds: ids }
      const { Subnets: items, NextToken: token } = await client.read((sdk) => new sdk.DescribeSubnetsCommand(input), call)
      return { items, token }
    },
    page: [5, 200],
    filters: { name: byName, network_id: { name: 'vpc-id' } },
    map: async (raws, extra) => raws.map((raw) => toSubnet(raw, identify(raw.SubnetId!), extra))
  })

  const remove = (id: string, call: Call) => client.change((sdk) => new sdk.DeleteSubnetCommand({ SubnetId: id }), call, { token: true })

  /** The code of a zone there is not is that of a block that is none (seen at Eucalyptus). */
  const explain = async (error: unknown, zone: string | undefined, call: Call) => {
    if (zone === undefined || !(error instanceof ProblemError) || error.details.provider_error?.code !== 'InvalidParameterValue') {
      return explainFields(error, fields)
    }
    const { AvailabilityZones: zones = [] } = await client.read((sdk) => new sdk.DescribeAvailabilityZonesCommand({}), call)
    return zones.some(({ ZoneName: name }) => name === zone) ? explainFields(error, fields) : pointTo('/availability_zone', error)
  }

  return {
    ...reads,
    ...createUpdate(cloud, { find, get: reads.get }),

    /** Makes a subnet; the cloud chooses the zone where none is given. */
    async create ({ name, network_id: network, cidr, availability_zone: zone, tags }: SubnetCreate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      if (cidr.includes(':')) throw invalid('/cidr', 'must be a block of IPv4')
      const labels = { name, tags }
      const asked = { VpcId: network, CidrBlock: cidr, AvailabilityZone: zone, ...tagSpecifications(cloud, ['subnet'], labels) }
      let made: RawSubnet | undefined
      try {
        made = (await client.change((sdk) => new sdk.CreateSubnetCommand(asked), call)).Subnet
      } catch (error) {
        throw await explain(error, zone, call)
      }
      const id = made?.SubnetId
      if (id === undefined) throw malformed('The cloud answered without a subnet', false)
      note(id)
      await labelMade(cloud, id, labels, call, (own) => remove(id, own))
      return settled(call, () => reads.get(id, { extra: false }, call), ({ state }) => state === 'pending')
    },

    async destroy (id: string, call: Call) {
      await remove(id, call)
      forget(id)
    }
  }
}
