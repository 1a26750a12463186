import type { FastifyInstance } from 'fastify'
import { Type } from '#typebox'
import type { Image, Node, Size } from '../../openapi/model/index.ts'
import type { Finder } from './find.ts'
import { providerOf, toNode } from './libcloud.ts'
import { addRoute } from './route.ts'
import { answer, tokenQuery, V1Cloud, V1Flavor, V1Image, V1Node, V1Tenant } from './schemas.ts'

const common = { method: 'GET', level: 'read', tag: 'Lists' } as const

const originOf = (driver: string) => ({ provider: providerOf(driver), cloud_type: driver })

/** The lists of v1. A list is whole: v1 has no pages. */
export function listRoutes (fastify: FastifyInstance, { cloudOf, listAll }: Finder) {
  fastify.get('/cloud', {
    config: { level: 'read', credential: 'v1' },
    schema: {
      operationId: 'v1ListClouds',
      summary: 'List the clouds, `default` first',
      tags: ['Lists'],
      querystring: tokenQuery,
      response: answer({ served_cloud: Type.Array(V1Cloud) })
    }
  }, async ({ caller }) => ({
    status: 'ok',
    served_cloud: fastify.farm.seenBy(caller).clouds.map((
      { name, settings: { driver }, connection }
    ) => ({ name, type: driver, host: connection?.host ?? null }))
  }))

  addRoute(fastify, {
    ...common,
    path: '/nodes',
    action: 'nodes.list',
    operationId: 'v1ListNodes',
    summary: 'List the nodes of a cloud',
    fields: { nodes: Type.Array(V1Node) },
    async run (request) {
      const nodes = await listAll<Node>(request, 'nodes', cloudOf(request))
      return { nodes: nodes.map(toNode) }
    }
  })

  for (
    const [path, operationId] of [['/sizes', 'v1ListSizes'], ['/flavors', 'v1ListFlavors']] as const
  ) {
    addRoute(fastify, {
      ...common,
      path,
      action: 'sizes.list',
      operationId,
      summary: 'List the sizes of a cloud',
      fields: { flavors: Type.Array(V1Flavor) },
      async run (request) {
        const sizes = await listAll<Size>(request, 'sizes', cloudOf(request))
        const flavors = sizes.map(({ id, name, ram, vcpus: cpu, disk, driver }) => ({
          id,
          name,
          ram,
          cpu,
          disk,
          ...originOf(driver)
        }))
        return { flavors }
      }
    })
  }

  addRoute(fastify, {
    ...common,
    path: '/images',
    action: 'images.list',
    operationId: 'v1ListImages',
    summary: 'List the images of a cloud',
    fields: { images: Type.Array(V1Image) },
    async run (request) {
      const images = await listAll<Image>(request, 'images', cloudOf(request))
      return { images: images.map(({ id, name, driver }) => ({ id, name, ...originOf(driver) })) }
    }
  })

  addRoute(fastify, {
    ...common,
    path: '/tenants',
    action: 'clouds.get',
    operationId: 'v1ListTenants',
    summary: 'List the projects of the account of a cloud',
    description:
      'Of OpenStack the projects that the user can use; of other clouds the account itself, by the ' +
      'name of the cloud.',
    fields: { tenants: Type.Array(V1Tenant) },
    async run (request) {
      const cloud = cloudOf(request)
      const { driver } = cloud.connection
      const account = [{ id: cloud.name, name: cloud.name }]
      const projects = await cloud.call(async ({ listProjects }, call) =>
        listProjects?.(call) ?? account
      )
      return { tenants: projects.map(({ id, name }) => ({ id, name, ...originOf(driver) })) }
    }
  })
}
