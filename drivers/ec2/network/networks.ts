import type { Subnet, Vpc } from '@aws-sdk/client-ec2'
import type { Network, NetworkCreate, NetworkState } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, NetworkService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { checkTags } from '../../tags.ts'
import type { Client } from '../client/client.ts'
import type { Cloud } from '../client/cloud.ts'
import { commonOf, createReads, createUpdate, explained, readAll, settled } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { byName } from '../client/lists.ts'
import type { RefusedField } from '../client/refusals.ts'
import { ec2Tags, tagSpecifications } from '../client/tags.ts'
import { labelMade } from '../client/rollback.ts'

/** Of VPCs and subnets. */
const states: Readonly<Record<string, NetworkState>> = { available: 'available', pending: 'pending' }

export const networkState = (state: string | undefined): NetworkState => states[state ?? ''] ?? 'unknown'

/** The values that one filter takes. */
const mostValues = 200

/** Refusals of CreateVpc, whose one field beside its tags is the block. */
const fields: readonly RefusedField[] = [{ code: /^InvalidVpcRange|^InvalidVpc\.Range|^InvalidParameterValue|^InvalidCidr/, pointer: '/cidr' }]

/** The blocks that are a VPC's; one whose association has ended is shown for some time. */
const cidrsOf = ({ CidrBlock: first, CidrBlockAssociationSet: four = [], Ipv6CidrBlockAssociationSet: six = [] }: Vpc) => {
  const there = [
    ...four.map(({ CidrBlock: block, CidrBlockState: state }) => ({ block, state })),
    ...six.map(({ Ipv6CidrBlock: block, Ipv6CidrBlockState: state }) => ({ block, state }))
  ].filter(({ state }) => state?.State === undefined || state.State === 'associated')
  const blocks = there.flatMap(({ block }) => block ?? [])
  return blocks.length > 0 || first === undefined ? blocks : [first]
}

/** A VPC as a network. It is private: what leads outside is its internet gateway, which is its router's. */
export const toNetwork = (raw: Vpc, subnets: string[], identity: Identity, extra: boolean): Network => ({
  ...commonOf(raw, identity, raw.State),
  state: networkState(raw.State),
  cidrs: cidrsOf(raw),
  is_external: false,
  shared: null,
  mtu: null,
  subnet_ids: subnets,
  ...(extra ? { extra: { ...raw } } : {})
})

/** VPCs as networks, with their subnets: one more call for a page. */
export function createNetworks (cloud: Cloud): NetworkService {
  const { client } = cloud
  const identify = cloud.identify('networks')

  const { find, note, forget, ...reads } = createReads<Vpc, Network>({
    cloud,
    word: 'network',
    idOf: ({ VpcId: id }) => id,
    async send ({ ids, ...asked }, call) {
      const { Vpcs: items, NextToken: token } = await client.read((sdk) => new sdk.DescribeVpcsCommand({ ...asked, VpcIds: ids }), call)
      return { items, token }
    },
    page: [5, mostValues],
    filters: { name: byName },
    async map (raws, extra, call) {
      const subnets = await subnetsOf(client, raws.flatMap(({ VpcId: id }) => id ?? []), call)
      return raws.map((raw) => toNetwork(raw, subnets.get(raw.VpcId!) ?? [], identify(raw.VpcId!), extra))
    }
  })

  const remove = (id: string, call: Call) => client.change((sdk) => new sdk.DeleteVpcCommand({ VpcId: id }), call, { token: true })

  return {
    ...reads,
    ...createUpdate(cloud, { find, get: reads.get }),

    /** Makes a VPC of the block of addresses that is asked for, which is needed, and waits while it is pending. */
    async create ({ name, cidr, tags }: NetworkCreate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      if (cidr === undefined) throw invalid('/cidr', 'is required: a network of this cloud is a block of addresses')
      if (cidr.includes(':')) throw invalid('/cidr', 'must be a block of IPv4')
      const labels = { name, tags }
      const asked = { CidrBlock: cidr, ...tagSpecifications(cloud, ['vpc'], labels) }
      const { Vpc: made } = await explained(fields, () => client.change((sdk) => new sdk.CreateVpcCommand(asked), call))
      const id = made?.VpcId
      if (id === undefined) throw malformed('The cloud answered without a network', false)
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

/** The ids of the subnets of networks, by network: one call for two hundred of them. */
async function subnetsOf (client: Client, networks: readonly string[], call: Call): Promise<Map<string, string[]>> {
  const subnets = new Map<string, string[]>()
  for (let at = 0; at < networks.length; at += mostValues) {
    const Filters = [{ Name: 'vpc-id', Values: networks.slice(at, at + mostValues) }]
    const found = await readAll<Subnet>(async (token) => {
      const asked = { Filters, NextToken: token }
      const { Subnets: items, NextToken: next } = await client.read((sdk) => new sdk.DescribeSubnetsCommand(asked), call)
      return { items, token: next }
    })
    for (const { VpcId: network = '', SubnetId: id = '' } of found) subnets.set(network, [...subnets.get(network) ?? [], id])
  }
  return subnets
}
