import type { RouteTable } from '@aws-sdk/client-ec2'
import { ProblemError, type Router, type RouterCreate, type RouterInterface, type RouterUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, RouterService } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { commonOf, createReads, explained, labelSteps } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { isMissing } from '../client/consistency.ts'
import { createGateways, leadsOut } from './gateways.ts'
import { byName } from '../client/lists.ts'
import type { RefusedField } from '../client/refusals.ts'
import { ec2Tags, tagSpecifications } from '../client/tags.ts'
import { labelMade, orUndo } from '../client/rollback.ts'

const networkField: readonly RefusedField[] = [{ code: /^InvalidVpcI[Dd]/, pointer: '/network_id' }]
/** One in another VPC is an InvalidParameterValue. */
const subnetField: readonly RefusedField[] = [{ code: /^InvalidSubnet|^InvalidParameterValue/, pointer: '/subnet_id' }]

const gone = new Set<string | undefined>(['disassociating', 'disassociated', 'failed'])

/** The subnets that a route table is for, each by an association. */
export const associationsOf = ({ Associations: associations = [] }: RouteTable) =>
  associations.filter(({ SubnetId: subnet, AssociationState: state }) => subnet !== undefined && !gone.has(state?.State))

/**
 * A route table as a router. What it leads to is the internet gateway of its VPC, of which there is one at most, so the
 * VPC names it: the id in `external_gateway` is the same as that of the network, in requests as in answers.
 */
export function toRouter (raw: RouteTable, identity: Identity, extra: boolean): Router {
  const network = raw.VpcId ?? null
  return {
    ...commonOf(raw, identity, undefined),
    state: 'available',
    network_id: network,
    external_gateway: leadsOut(raw) ? { network_id: network } : null,
    interfaces: associationsOf(raw).map(({ SubnetId: id }) => ({ subnet_id: id! })),
    ...(extra ? { extra: { ...raw } } : {})
  }
}

type Gateway = RouterUpdate['external_gateway']

function checkGateway (gateway: Gateway, network: string | undefined) {
  if (gateway === undefined || gateway === null || gateway.network_id === network) return
  throw invalid('/external_gateway/network_id', `must be ${network ?? 'the network of the router'}: the router leads to the internet gateway of its own network`)
}

/** Route tables as routers, with the internet gateways that they lead to. */
export function createRouters (cloud: Cloud): RouterService {
  const { client } = cloud
  const identify = cloud.identify('routers')
  const gateways = createGateways(cloud)

  const { find, note, forget, ...reads } = createReads<RouteTable, Router>({
    cloud,
    word: 'router',
    idOf: ({ RouteTableId: id }) => id,
    async send ({ ids, ...asked }, call) {
      const input = { ...asked, RouteTableIds: ids }
      const { RouteTables: items, NextToken: token } = await client.read((sdk) => new sdk.DescribeRouteTablesCommand(input), call)
      return { items, token }
    },
    page: [5, 100],
    filters: { name: byName },
    map: async (raws, extra) => raws.map((raw) => toRouter(raw, identify(raw.RouteTableId!), extra))
  })
  const get = (id: string, call: Call) => reads.get(id, { extra: false }, call)

  const remove = (id: string, call: Call) =>
    client.change((sdk) => new sdk.DeleteRouteTableCommand({ RouteTableId: id }), call, { token: true })

  const setGateway = async (table: RouteTable, gateway: Gateway, call: Call) => {
    if (gateway === null) return gateways.close(table, call, () => gateways.unroute(table, call))
    if (!leadsOut(table)) await gateways.lead(table, call)
  }

  return {
    ...reads,

    /** Makes a route table in a network, which is needed, and where it is asked for the network's way outside. */
    async create ({ name, network_id: network, external_gateway: gateway, tags }: RouterCreate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      if (network === undefined) throw invalid('/network_id', 'is required: a router of this cloud is in a network')
      checkGateway(gateway, network)
      const labels = { name, tags }
      const asked = { VpcId: network, ...tagSpecifications(cloud, ['route-table'], labels) }
      const { RouteTable: made } = await explained(networkField, () => client.change((sdk) => new sdk.CreateRouteTableCommand(asked), call))
      const id = made?.RouteTableId
      if (made === undefined || id === undefined) throw malformed('The cloud answered without a route table', false)
      note(id)
      await labelMade(cloud, id, labels, call, (own) => remove(id, own))
      if (gateway !== undefined) await orUndo(call, `${id} is there`, () => gateways.lead(made, call), (own) => remove(id, own))
      return get(id, call)
    },

    async update (id: string, { name, external_gateway: gateway, tags }: RouterUpdate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      const table = await find(id, call)
      checkGateway(gateway, table.VpcId)
      const steps = [
        ...labelSteps(cloud, id, { name, tags }, call),
        ...step('external_gateway', gateway, (value) => setGateway(table, value, call))
      ]
      return runSteps(steps, () => get(id, call), async (error) => error)
    },

    /** Deletes a route table and the gateway that was made for it. Throws in_use for a network's main one, and for one with subnets. */
    async destroy (id: string, call: Call) {
      const table = await find(id, call)
      if (table.Associations?.some(({ Main: main }) => main === true) === true) {
        throw new ProblemError('in_use', `${id} is the main route table of ${table.VpcId}: it goes with its network`)
      }
      const connected = associationsOf(table).map(({ SubnetId: subnet }) => subnet)
      if (connected.length > 0) throw new ProblemError('in_use', `${id} connects ${connected.join(', ')}`)
      await gateways.close(table, call, () => remove(id, call))
      forget(id)
    },

    /** Throws already_exists where the subnet is connected; the cloud refuses one that another route table has (in_use). */
    async add_interface (id: string, { subnet_id: subnet }: RouterInterface, call: Call) {
      const table = await find(id, call)
      if (associationOf(table, subnet) !== undefined) throw new ProblemError('already_exists', `${id} connects ${subnet} already`)
      await explained(subnetField, () =>
        client.change((sdk) => new sdk.AssociateRouteTableCommand({ RouteTableId: id, SubnetId: subnet }), call))
      return get(id, call)
    },

    async remove_interface (id: string, { subnet_id: subnet }: RouterInterface, call: Call) {
      const association = associationOf(await find(id, call), subnet)?.RouteTableAssociationId
      if (association === undefined) throw invalid('/subnet_id', `is no subnet that ${id} connects`)
      try {
        await client.change((sdk) => new sdk.DisassociateRouteTableCommand({ AssociationId: association }), call, { token: true })
      } catch (error) {
        // It has just been there: a repeat, or its subnet's end, came first.
        if (!isMissing(error)) throw error
      }
      return get(id, call)
    }
  }
}

const associationOf = (table: RouteTable, subnet: string) =>
  associationsOf(table).find(({ SubnetId: id }) => id?.toLowerCase() === subnet.toLowerCase())
