import type { Router, RouterCreate, RouterInterface, RouterUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, RouterService } from '../../driver.ts'
import { encodeId } from '../client/client.ts'
import type { Neutron, NeutronObject } from './neutron.ts'
import { common, createCollection, createUpdate, explained } from './collection.ts'
import { networkState } from './networks.ts'
import type { Port } from './ports.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { resources } from '../client/resources.ts'

/** A router as Neutron tells it; its interfaces are ports. */
export interface NeutronRouter extends NeutronObject {
  external_gateway_info?: { network_id?: string } | null
}

/** How Neutron marks the ports by which routers are in subnets: plain, distributed, highly available. */
const owners = ['network:router_interface', 'network:router_interface_distributed', 'network:ha_router_replicated_interface']

/** Refusals in Neutron's words (each was provoked). */
const gatewayFields: readonly FieldRefusal[] = [
  { pattern: /^Network .* could not be found|external network|external_gateway|gateway/i, pointer: '/external_gateway/network_id' }
]
const interfaceFields: readonly FieldRefusal[] = [
  { pattern: /^Subnet .* could not be found|no interface on subnet|overlaps with cidr|must have a gateway|is not a valid UUID|^Invalid input for .*subnet/i, pointer: '/subnet_id' }
]

const idOf = ({ external_gateway_info: gateway }: NeutronRouter) => gateway?.network_id ?? null

export function toRouter (raw: NeutronRouter, subnets: readonly string[], identity: Identity, extra: boolean): Router {
  const network = idOf(raw)
  return {
    ...common(raw, identity),
    state: networkState(raw.status),
    network_id: null,
    external_gateway: network === null ? null : { network_id: network },
    interfaces: subnets.map((id) => ({ subnet_id: id })),
    ...(extra ? { extra: { ...raw } } : {})
  }
}

/** The subnets that routers connect, by router: one call for each hundred of them. */
export async function readInterfaces (neutron: Neutron, ids: readonly string[], call: Call) {
  const query = { device_owner: owners, fields: ['id', 'device_id', 'fixed_ips'] }
  const ports = await neutron.allOf<Port>(resources.port, 'device_id', ids, query, call)
  const subnets = new Map<string, string[]>()
  for (const { device_id: router, fixed_ips: ips = [] } of ports) {
    const found = ips.flatMap(({ subnet_id: id }) => id ?? [])
    subnets.set(router, [...new Set([...subnets.get(router) ?? [], ...found])])
  }
  return subnets
}

type Fields = Pick<RouterUpdate, 'name' | 'external_gateway'>

const toBody = ({ name, external_gateway: gateway }: Fields) => ({
  ...(name === undefined ? {} : { name }),
  ...(gateway === undefined ? {} : { external_gateway_info: gateway })
})

/** Routers of Neutron, with the subnets that they connect: one more call for a page. */
export function createRouters (neutron: Neutron, identify: (id: string) => Identity): RouterService {
  const { router: resource } = resources
  const kind = {
    neutron,
    resource,
    path: 'routers',
    identify,
    fields: gatewayFields,
    async map (raws: readonly NeutronRouter[], extra: boolean, call: Call) {
      const subnets = await readInterfaces(neutron, raws.map(({ id }) => id), call)
      return raws.map((raw) => toRouter(raw, subnets.get(raw.id) ?? [], identify(raw.id), extra))
    },
    body: (input: RouterCreate) => toBody(input)
  }
  const collection = createCollection(kind)

  const connect = (send: typeof resource.addInterface) => async (id: string, { subnet_id: subnet }: RouterInterface, call: Call) => {
    await explained(() => neutron.change(call, (token, region, headers) =>
      send(token, region, encodeId(id), { subnet_id: subnet }, {}, headers)), interfaceFields)
    return collection.get(id, { extra: false }, call)
  }

  return {
    ...collection,
    update: createUpdate<Router, RouterUpdate>({ ...kind, get: collection.get, body: toBody }),
    add_interface: connect(resource.addInterface),
    remove_interface: connect(resource.removeInterface)
  }
}
