import type { RouteTable } from '@aws-sdk/client-ec2'
import { ProblemError, type Router, type RouterUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type RouterService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { runSteps, step } from '../../common/steps.ts'
import {
  checkEc2Tags,
  createDirectCollection,
  filterNames,
  findById,
  ignoreMissing,
  labelSteps,
  nameRule,
  readPage,
  runOrRollBack,
  tagLimits,
  toCommonFields,
  toTagParameters,
  type Cloud
} from '../client/index.ts'
import { createGateways, isRoutedOutside } from './gateways.ts'

const filterRules = { name: nameRule }

export const routerCapabilities = describe<RouterService>({
  list: { filters: filterNames(filterRules), limits: { limit: 100 } },
  create: {
    parameters: ['name', 'network_id', 'external_gateway', 'external_gateway.network_id', 'tags'],
    required: ['network_id'],
    limits: tagLimits
  },
  update: {
    parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'],
    limits: tagLimits
  },
  add_interface: { parameters: ['subnet_id'] },
  remove_interface: { parameters: ['subnet_id'] }
})

const createRefusals = [{ pattern: /^InvalidVpcI[Dd]/, pointer: '/network_id' }]

/** The cloud refuses a subnet of another VPC with InvalidParameterValue. */
const interfaceRefusals = [
  { pattern: /^InvalidSubnet|^InvalidParameterValue/, pointer: '/subnet_id' }
]

const endedStates = new Set<string | undefined>(['disassociating', 'disassociated', 'failed'])

/** Returns the associations of a route table with subnets. */
export const associationsOf = ({ Associations: associations = [] }: RouteTable) =>
  associations
    .filter(({ SubnetId: subnet, AssociationState: state }) =>
      subnet !== undefined && !endedStates.has(state?.State)
    )

const findAssociation = (table: RouteTable, subnet: string) =>
  findById(associationsOf(table), subnet, 'SubnetId')

/**
 * Maps a route table. A VPC has at most one internet gateway, so the network's id identifies the gateway:
 * `external_gateway` has the id of the network, in requests and in responses.
 */
export function toRouter (raw: RouteTable, identity: Identity, extra: boolean): Router {
  const network = raw.VpcId ?? null
  return {
    ...toCommonFields(raw, identity, undefined),
    state: 'available',
    network_id: network,
    external_gateway: isRoutedOutside(raw) ? { network_id: network } : null,
    interfaces: associationsOf(raw).map(({ SubnetId: id }) => ({ subnet_id: id! })),
    extra: extra ? { ...raw } : undefined
  }
}

type ExternalGateway = RouterUpdate['external_gateway']

function checkGateway (gateway: ExternalGateway, network: string | undefined) {
  if (gateway === undefined || gateway === null || gateway.network_id === network) return
  const expected = network ?? 'the network of the router'
  throw invalid(
    '/external_gateway/network_id',
    `must be ${expected}: a router of this cloud leads to the internet gateway of its own network`
  )
}

/** Route tables as routers, with the internet gateways that they lead to. */
export function createRouters (cloud: Cloud): RouterService {
  const { client } = cloud
  const identify = cloud.identify('routers')
  const gateways = createGateways(cloud)

  const deleteTable = (id: string, call: Call) =>
    client.change('DeleteRouteTable', { RouteTableId: id }, call, { idempotent: true })

  const { service, find, register } = createDirectCollection<RouteTable, Router>({
    cloud,
    itemName: 'router',
    idKey: 'RouteTableId',
    read: ({ ids, ...request }, call) =>
      readPage(
        client,
        'DescribeRouteTables',
        'RouteTables',
        { ...request, RouteTableIds: ids },
        call
      ),
    remove: deleteTable,
    pageSizes: [5, 100],
    filterRules,
    map: async (raws, extra) => raws.map((raw) => toRouter(raw, identify(raw.RouteTableId!), extra))
  })
  const get = (id: string, call: Call) => service.get(id, { extra: false }, call)

  const setGateway = async (table: RouteTable, gateway: ExternalGateway, call: Call) => {
    if (gateway === null) {
      return gateways.disconnect(table, call, () =>
        gateways.deleteRoutes(table, call))
    }
    if (!isRoutedOutside(table)) await gateways.connect(table, call)
  }

  return {
    ...service,

    /** Creates a route table, and connects it with the internet gateway of the network if the request asks for it. */
    async create ({ name, network_id: network, external_gateway: gateway, tags }, call) {
      checkEc2Tags(tags)
      checkGateway(gateway, network)
      const labels = { name, tags }
      const input = { VpcId: network, ...toTagParameters(cloud, 'route-table', labels) }
      const { RouteTable: table } = await client.change('CreateRouteTable', input, call, {
        refusals: createRefusals
      })
      const id = await register(table?.RouteTableId, labels, call)
      if (gateway !== undefined) {
        await runOrRollBack(
          call,
          `${id} exists`,
          () => gateways.connect(table!, call),
          (rollbackCall) => deleteTable(id, rollbackCall)
        )
      }
      return get(id, call)
    },

    async update (id, { name, external_gateway: gateway, tags }, call) {
      checkEc2Tags(tags)
      const table = await find(id, call)
      checkGateway(gateway, table.VpcId)
      const steps = [
        ...labelSteps(cloud, id, { name, tags }, call),
        ...step('external_gateway', gateway, (value) => setGateway(table, value, call))
      ]
      return runSteps(steps, () => get(id, call))
    },

    /** Deletes a route table and the gateway created for it. Throws in_use if it is a main one or has subnets. */
    async destroy (id, call) {
      const table = await find(id, call)
      if (table.Associations?.some(({ Main: isMain }) => isMain === true) === true) {
        throw new ProblemError(
          'in_use',
          `${id} is the main route table of ${table.VpcId}: destroy the network instead`
        )
      }
      const subnets = associationsOf(table).map(({ SubnetId: subnet }) => subnet)
      if (subnets.length > 0) {
        throw new ProblemError('in_use', `${id} has interfaces in ${subnets.join(', ')}`)
      }
      await gateways.disconnect(table, call, () => service.destroy(id, call))
    },

    /** Throws already_exists if the router has the interface. The cloud refuses a subnet of another router (in_use). */
    async add_interface (id, { subnet_id: subnet }, call) {
      const table = await find(id, call)
      if (findAssociation(table, subnet) !== undefined) {
        throw new ProblemError('already_exists', `${id} already has an interface in ${subnet}`)
      }
      const input = { RouteTableId: id, SubnetId: subnet }
      await client.change('AssociateRouteTable', input, call, { refusals: interfaceRefusals })
      return get(id, call)
    },

    async remove_interface (id, { subnet_id: subnet }, call) {
      const association = findAssociation(await find(id, call), subnet)?.RouteTableAssociationId
      if (association === undefined) {
        throw invalid('/subnet_id', `${subnet} is not connected to the router ${id}`)
      }
      const input = { AssociationId: association }
      await ignoreMissing(
        client.change('DisassociateRouteTable', input, call, { idempotent: true })
      )
      return get(id, call)
    }
  }
}
