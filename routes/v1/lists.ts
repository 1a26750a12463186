import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Image, Node, Size } from '../../openapi/model/index.ts'
import type { Finder } from './find.ts'
import { providerOf, toNode } from './libcloud.ts'
import { answer, cloudParams, tokenQuery, V1Cloud, V1Flavor, V1Image, V1Node, V1Tenant } from './schemas.ts'

const listTags = ['Lists']
const read = { level: 'open', v1: 'read' } as const

const originOf = (driver: string) => ({ provider: providerOf(driver), cloud_type: driver })

/** The lists of v1. A list is whole: v1 has no pages. */
export function listRoutes (fastify: FastifyInstance, { cloudOf, listAll }: Finder) {
  const schemaOf = (operationId: string, summary: string, fields: Parameters<typeof answer>[0]) =>
    ({ operationId, summary, tags: listTags, params: cloudParams, querystring: tokenQuery, response: answer(fields) })

  fastify.get('/cloud', {
    config: read,
    schema: {
      operationId: 'v1ListClouds',
      summary: 'List the clouds, `default` first',
      tags: listTags,
      querystring: tokenQuery,
      response: answer({ served_cloud: Type.Array(V1Cloud) })
    }
  }, async ({ caller }) => ({
    status: 'ok',
    served_cloud: fastify.farm.seenBy(caller).clouds.map(({ name, settings: { driver }, connection }) =>
      ({ name, type: driver, host: connection?.host ?? null }))
  }))

  fastify.get('/nodes/:cloud?', {
    config: read,
    schema: schemaOf('v1ListNodes', 'List the nodes of a cloud', { nodes: Type.Array(V1Node) })
  }, async (request) => {
    const nodes = await listAll<Node>(request, 'nodes', cloudOf(request))
    return { status: 'ok', nodes: nodes.map(toNode) }
  })

  for (const [path, operationId] of [['sizes', 'v1ListSizes'], ['flavors', 'v1ListFlavors']] as const) {
    fastify.get(`/${path}/:cloud?`, {
      config: read,
      schema: schemaOf(operationId, 'List the sizes of a cloud', { flavors: Type.Array(V1Flavor) })
    }, async (request) => {
      const sizes = await listAll<Size>(request, 'sizes', cloudOf(request))
      const flavors = sizes.map(({ id, name, ram, vcpus: cpu, disk, driver }) =>
        ({ id, name, ram, cpu, disk, ...originOf(driver) }))
      return { status: 'ok', flavors }
    })
  }

  fastify.get('/images/:cloud?', {
    config: read,
    schema: schemaOf('v1ListImages', 'List the images of a cloud', { images: Type.Array(V1Image) })
  }, async (request) => {
    const images = await listAll<Image>(request, 'images', cloudOf(request))
    return { status: 'ok', images: images.map(({ id, name, driver }) => ({ id, name, ...originOf(driver) })) }
  })

  fastify.get('/tenants/:cloud?', {
    config: read,
    schema: schemaOf('v1ListTenants', 'List the projects of the account; of most clouds the account itself', {
      tenants: Type.Array(V1Tenant)
    })
  }, async (request) => {
    const cloud = cloudOf(request)
    const { driver } = cloud.connection
    const account = [{ id: cloud.name, name: cloud.name }]
    const projects = await cloud.call(async ({ listProjects }, call) => listProjects?.(call) ?? account)
    return { status: 'ok', tenants: projects.map(({ id, name }) => ({ id, name, ...originOf(driver) })) }
  })
}
