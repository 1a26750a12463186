import type {
  Router,
  RouterCreate,
  RouterInterface,
  RouterUpdate
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type RouterService } from '../../driver.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { resources } from '../client/resources.ts'
import { tagLimits } from '../client/tags.ts'
import { createCollection, createUpdate, type Identify, type Kind } from './collection.ts'
import { findBy, type Neutron, type NeutronRouter } from './neutron.ts'
import { networkState } from './networks.ts'

/** The owners of ports that connect routers to subnets: plain, distributed and highly available routers. */
const owners = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface'
]

// Each message was provoked.
const gatewayFields: readonly FieldRefusal[] = [{
  pattern: /^Network .* could not be found|external network|external_gateway|gateway/i,
  pointer: '/external_gateway/network_id'
}]
const interfaceFields: readonly FieldRefusal[] = [
  {
    pattern: /^Subnet .* could not be found|no interface on subnet|overlaps with cidr/i,
    pointer: '/subnet_id'
  },
  {
    pattern: /must have a gateway|is not a valid UUID|^Invalid input for .*subnet/i,
    pointer: '/subnet_id'
  }
]

/** Reads the subnets that routers connect, by router: one call for each hundred routers. */
export async function readInterfaces (neutron: Neutron, ids: readonly string[], call: Call) {
  const query = { device_owner: owners, fields: ['id', 'device_id', 'fixed_ips'] }
  const ports = await findBy(neutron.ports, 'device_id', ids, query, call)
  const subnets = new Map<string, string[]>()
  for (const { device_id: router, fixed_ips: ips = [] } of ports) {
    const found = ips.flatMap(({ subnet_id: id }) => id ?? [])
    subnets.set(router, [...new Set([...subnets.get(router) ?? [], ...found])])
  }
  return subnets
}

const toBody = ({ name, external_gateway: gateway }: RouterUpdate) => ({
  name,
  external_gateway_info: gateway
})

export const capabilities = describe<RouterService>({
  list: { filters: ['name', 'tag'], limits: { limit: 1000 } },
  create: {
    parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'],
    limits: tagLimits
  },
  update: {
    parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'],
    limits: tagLimits
  },
  add_interface: { parameters: ['subnet_id'] },
  remove_interface: { parameters: ['subnet_id'] }
})

/** Routers of Neutron, with the subnets that they connect, which take one more call for a page. */
export function createRouters (neutron: Neutron, identify: Identify): RouterService {
  const kind: Kind<NeutronRouter, Router, RouterCreate, Map<string, string[]>> = {
    objects: neutron.routers,
    tags: neutron.tags.of('routers'),
    identify,
    fields: gatewayFields,
    readRelated: (routers, call) => readInterfaces(neutron, routers.map(({ id }) => id), call),
    toFields (raw, subnets) {
      const { id, external_gateway_info: gateway } = raw
      const network = gateway?.network_id ?? null
      return {
        state: networkState(raw),
        network_id: null,
        external_gateway: network === null ? null : { network_id: network },
        interfaces: (subnets.get(id) ?? []).map((subnet) => ({ subnet_id: subnet }))
      }
    },
    toBody
  }
  const collection = createCollection(kind)

  const changeInterface =
    (action: typeof resources.router.addInterface) =>
      async (id: string, { subnet_id: subnet }: RouterInterface, call: Call) => {
        await neutron.routers.of(id).send(action, { subnet_id: subnet }, call, {
          fields: interfaceFields
        })
        return collection.get(id, { extra: false }, call)
      }

  return {
    ...collection,
    update: createUpdate(kind, collection.get, toBody),
    add_interface: changeInterface(resources.router.addInterface),
    remove_interface: changeInterface(resources.router.removeInterface)
  }
}
