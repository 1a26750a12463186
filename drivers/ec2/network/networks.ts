import type { Vpc } from '@aws-sdk/client-ec2'
import type { Network, NetworkState } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type NetworkService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import {
  checkEc2Tags,
  createDirectCollection,
  filterNames,
  maxFilterValues,
  nameRule,
  readAllPages,
  readPage,
  tagLimits,
  toCommonFields,
  toTagParameters,
  type Client,
  type Cloud
} from '../client/index.ts'

const filterRules = { name: nameRule }

export const networkCapabilities = describe<NetworkService>({
  list: { filters: filterNames(filterRules), limits: { limit: maxFilterValues } },
  create: { parameters: ['name', 'cidr', 'tags'], required: ['cidr'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** States of VPCs and subnets. */
const states: Readonly<Record<string, NetworkState>> = {
  available: 'available',
  pending: 'pending'
}

export const toNetworkState = (state = ''): NetworkState => states[state] ?? 'unknown'

/** Refusals of CreateVpc. Its only field beside the tags is the block of addresses. */
const createRefusals = [
  {
    pattern: /^InvalidVpcRange|^InvalidVpc\.Range|^InvalidParameterValue|^InvalidCidr/,
    pointer: '/cidr'
  }
]

/** Returns the blocks of a VPC. The cloud lists a block for some time after its association has ended. */
function cidrsOf (
  { CidrBlock: first, CidrBlockAssociationSet: v4 = [], Ipv6CidrBlockAssociationSet: v6 = [] }: Vpc
) {
  const associations = [
    ...v4.map(({ CidrBlock: block, CidrBlockState: state }) => ({ block, state })),
    ...v6.map(({ Ipv6CidrBlock: block, Ipv6CidrBlockState: state }) => ({ block, state }))
  ]
  const blocks = associations
    .filter(({ state }) => state?.State === undefined || state.State === 'associated')
    .flatMap(({ block }) => block ?? [])
  return blocks.length > 0 || first === undefined ? blocks : [first]
}

/** Maps a VPC. It is never external: the internet gateway belongs to the router. */
export const toNetwork = (
  raw: Vpc,
  subnetIds: string[],
  identity: Identity,
  extra: boolean
): Network => ({
  ...toCommonFields(raw, identity, raw.State),
  state: toNetworkState(raw.State),
  cidrs: cidrsOf(raw),
  is_external: false,
  shared: null,
  mtu: null,
  subnet_ids: subnetIds,
  extra: extra ? { ...raw } : undefined
})

/** VPCs as networks. A page takes one more call, for the ids of their subnets. */
export function createNetworks (cloud: Cloud): NetworkService {
  const { client } = cloud
  const identify = cloud.identify('networks')

  const { service, update, register, readNew } = createDirectCollection<Vpc, Network>({
    cloud,
    itemName: 'network',
    idKey: 'VpcId',
    read: ({ ids, ...request }, call) =>
      readPage(client, 'DescribeVpcs', 'Vpcs', { ...request, VpcIds: ids }, call),
    remove: (id, call) => client.change('DeleteVpc', { VpcId: id }, call, { idempotent: true }),
    pageSizes: [5, maxFilterValues],
    filterRules,
    async map (raws, extra, call) {
      const subnetIds = await readSubnetIds(client, raws.flatMap(({ VpcId: id }) => id ?? []), call)
      return raws.map((raw) =>
        toNetwork(raw, subnetIds.get(raw.VpcId!) ?? [], identify(raw.VpcId!), extra)
      )
    }
  })

  return {
    ...service,
    update,

    /** Creates a VPC and waits while it is pending. */
    async create ({ name, cidr, tags }, call) {
      checkEc2Tags(tags)
      if (cidr!.includes(':')) throw invalid('/cidr', 'must be an IPv4 block')
      const labels = { name, tags }
      const input = { CidrBlock: cidr, ...toTagParameters(cloud, 'vpc', labels) }
      const { Vpc: created } = await client.change('CreateVpc', input, call, {
        refusals: createRefusals
      })
      const id = await register(created?.VpcId, labels, call)
      return readNew(id, call)
    }
  }
}

/** Reads the ids of the subnets of networks, by network: one call for 200 networks. */
async function readSubnetIds (
  client: Client,
  networks: readonly string[],
  call: Call
): Promise<Map<string, string[]>> {
  const subnetIds = new Map<string, string[]>()
  for (let start = 0; start < networks.length; start += maxFilterValues) {
    const Filters = [{ Name: 'vpc-id', Values: networks.slice(start, start + maxFilterValues) }]
    const subnets = await readAllPages(client, 'DescribeSubnets', 'Subnets', { Filters }, call)
    for (const { VpcId: network = '', SubnetId: id = '' } of subnets) {
      subnetIds.set(network, [...subnetIds.get(network) ?? [], id])
    }
  }
  return subnetIds
}
