import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { capabilitiesOf } from '../../drivers/driver.ts'
import {
  Cloud as CloudModel,
  CloudList,
  noFields,
  ok,
  type CloudSummary
} from '../../openapi/model/index.ts'
import type { Cloud } from '../../plugins/clouds/cloud.ts'
import { readContext } from '../../plugins/clouds/context.ts'
import { cloudParams } from '../collection.ts'

const tags = ['Clouds']

const toSummary = (
  { name, settings: { driver, enabled }, connection, health }: Cloud
): CloudSummary => ({
  name,
  driver,
  host: connection?.host ?? null,
  location: connection?.location ?? null,
  enabled,
  health,
  self: `/api/v2/clouds/${name}`
})

const toCloud = (cloud: Cloud): CloudModel => ({
  ...toSummary(cloud),
  capabilities: cloud.connection === undefined ? {} : capabilitiesOf(cloud.connection)
})

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { farm } = fastify

  fastify.get('/clouds', {
    config: { level: 'read', action: 'clouds.list' },
    schema: {
      operationId: 'listClouds',
      summary: 'List the clouds of this server',
      description: 'Each cloud has its health as last seen. `default` comes first.',
      tags,
      response: ok(CloudList, 'All clouds.')
    }
  }, async ({ caller }) => ({ items: farm.seenBy(caller).clouds.map(toSummary) }))

  fastify.get('/clouds/:cloud', {
    config: { level: 'read', action: 'clouds.get' },
    schema: {
      operationId: 'getCloud',
      summary: 'Get a cloud with its health and capabilities',
      description: 'The server calls the cloud, so the health is the present one.',
      tags,
      params: cloudParams,
      response: ok(CloudModel, 'The cloud.')
    }
  }, async (request) => {
    const cloud = farm.get(request.params.cloud)
    await cloud.check(readContext(request))
    return toCloud(cloud)
  })

  fastify.post('/clouds/:cloud/actions/refresh', {
    config: { level: 'admin', action: 'clouds.refresh' },
    schema: {
      operationId: 'refreshCloud',
      summary: 'Drop token, catalog and caches of a cloud',
      description: 'The server then calls the cloud, and the health shows the result.',
      tags,
      params: cloudParams,
      body: noFields,
      response: ok(CloudModel, 'The cloud after the refresh.')
    }
  }, async (request) => {
    const cloud = farm.get(request.params.cloud)
    request.cloud.connection.refresh()
    cloud.reset()
    await cloud.check(readContext(request))
    return toCloud(cloud)
  })
}

export default routes
