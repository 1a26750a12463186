import { Type, type Static } from '#typebox'
import {
  Id,
  inputObject,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableString,
  patchObject,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'
import { NetworkState } from './network.ts'

const purpose =
  'Connects subnets with each other and with the outside: an OpenStack router, an EC2 route table ' +
  'with its internet gateway.'

export type Router = Static<typeof Router>
export const Router = resourceModel('Router', purpose, {
  state: NetworkState,
  network_id: nullableString(
    'Network of the router, if routers of the cloud belong to networks (EC2).'
  ),
  external_gateway: nullable(Type.Object({ network_id: nullableString() })),
  interfaces: Type.Array(Type.Object({ subnet_id: Type.String() }), {
    description: 'The subnets that the router connects.'
  })
})

export const RouterPage = pageOf('RouterPage', Router)

const ExternalGateway = inputObject({ network_id: Id('The external network.', 'networks') })

export type RouterCreate = Static<typeof RouterCreate>
export const RouterCreate = model(
  'RouterCreate',
  inputObject({ name: Name }, {
    network_id: Id(
      'Network of the router, if routers of the cloud belong to networks.',
      'networks'
    ),
    external_gateway: ExternalGateway,
    tags: Tags
  })
)

export type RouterUpdate = Static<typeof RouterUpdate>
export const RouterUpdate = model(
  'RouterUpdate',
  patchObject({
    ...nameAndTagsPatch,
    external_gateway: nullable(ExternalGateway)
  })
)

export type RouterInterface = Static<typeof RouterInterface>
export const RouterInterface = model(
  'RouterInterface',
  inputObject({ subnet_id: Id('Subnet to connect.', 'subnets') })
)
