import { ProblemError, type Router } from '../../../openapi/model/index.ts'
import { describe, type RouterService } from '../../driver.ts'
import {
  assertField,
  commonFieldsOf,
  createRepository,
  findReferenced,
  mergeLabels,
  parseBlock,
  tagLimits,
  type Engine,
  type RouterRecord,
  type Store
} from '../engine/index.ts'
import { assertNotOverlapping, routerOf } from './networks.ts'

const parameters = ['name', 'external_gateway', 'external_gateway.network_id', 'tags'] as const

export const routerCapabilities = describe<RouterService>({
  create: { parameters, limits: tagLimits },
  update: { parameters, limits: tagLimits },
  add_interface: { parameters: ['subnet_id'] },
  remove_interface: { parameters: ['subnet_id'] }
})

/** Returns the id of a gateway's network. Throws validation_failed if it is not external. */
function externalNetworkOf ({ networks }: Store, gateway: { network_id: string } | null) {
  if (gateway === null) return null
  const pointer = '/external_gateway/network_id'
  const { data } = findReferenced(networks, gateway.network_id, pointer, 'a network')
  assertField(data.external, pointer, 'must be an external network')
  return data.id
}

function assertConnectable (store: Store, router: RouterRecord, subnetId: string) {
  const { data: subnet } = findReferenced(store.subnets, subnetId, '/subnet_id', 'a subnet')
  const present = routerOf(store, subnetId)?.id
  if (present !== undefined) {
    const code = present === router.id ? 'already_exists' : 'in_use'
    throw new ProblemError(code, `Subnet ${subnetId} is connected to the router ${present} already`)
  }
  assertField(
    subnet.gateway_ip !== null,
    '/subnet_id',
    'must be a subnet with a gateway_ip, which the router takes'
  )
  const connected = router.subnet_ids.flatMap((id) => store.subnets.find(id)?.data ?? [])
  assertNotOverlapping(connected, parseBlock(subnet.cidr)!, '/subnet_id', 'router')
}

/** A router connects subnets with each other, and with the external network of its gateway. */
export function createRouters (engine: Engine): RouterService {
  const { reads, create, update, remove } = createRepository(
    engine,
    'router',
    ({ routers }) => routers,
    (data): Router => ({
      ...commonFieldsOf(engine, 'routers', data),
      state: 'available',
      provider_state: 'ACTIVE',
      network_id: null,
      external_gateway: data.external_network_id === null
        ? null
        : { network_id: data.external_network_id },
      interfaces: data.subnet_ids.map((id) => ({ subnet_id: id }))
    })
  )

  return {
    ...reads,
    create: ({ name, external_gateway: gateway = null, tags }) =>
      create((store) => {
        const external = externalNetworkOf(store, gateway)
        const record = store.routers.newRecord('router')
        return { ...record, name, tags: { ...tags }, external_network_id: external, subnet_ids: [] }
      }),
    update: (id, patch) =>
      update(id, (router, store) => {
        const { external_gateway: gateway } = patch
        const external = gateway === undefined
          ? router.external_network_id
          : externalNetworkOf(store, gateway)
        return { ...mergeLabels(router, patch), external_network_id: external }
      }),
    destroy: (id) =>
      remove(id, ({ subnet_ids: subnets }) => {
        if (subnets.length > 0) {
          throw new ProblemError('in_use', `Router ${id} is connected to ${subnets.join(', ')}`)
        }
      }),
    add_interface: (id, { subnet_id: subnetId }) =>
      update(id, (router, store) => {
        assertConnectable(store, router, subnetId)
        return { subnet_ids: [...router.subnet_ids, subnetId] }
      }),
    remove_interface: (id, { subnet_id: subnetId }) =>
      update(id, ({ subnet_ids: subnets }) => {
        if (subnets.includes(subnetId)) {
          return { subnet_ids: subnets.filter((one) => one !== subnetId) }
        }
        throw new ProblemError(
          'resource_not_found',
          `Router ${id} is not connected to the subnet ${subnetId}`
        )
      })
  }
}
