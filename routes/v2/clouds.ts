import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { capabilitiesOf } from '../../drivers/driver.ts'
import { Cloud, CloudList, ok, type CloudSummary } from '../../openapi/model/index.ts'
import type { FarmEntry } from '../../plugins/clouds/farm.ts'
import { reader } from '../../plugins/clouds/index.ts'

const tags = ['Clouds']
const params = Type.Object({ cloud: Type.String({ description: 'Name of the cloud.' }) })

const summary = ({ settings: { name, driver, enabled }, connection, health }: FarmEntry): CloudSummary => ({
  name,
  driver,
  host: connection?.host ?? null,
  location: connection?.location ?? null,
  enabled,
  health,
  self: `/api/v2/clouds/${name}`
})

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { farm } = fastify

  fastify.get('/clouds', {
    schema: {
      operationId: 'listClouds',
      summary: 'List the clouds of this server',
      description: 'Each with its health as it was last seen; `default` comes first.',
      tags,
      response: ok(CloudList, 'All clouds.')
    }
  }, async () => ({ items: farm.entries.map(summary) }))

  fastify.get('/clouds/:cloud', {
    schema: {
      operationId: 'getCloud',
      summary: 'Get a cloud with its health and capabilities',
      description: 'The cloud is asked: the health is that of this moment.',
      tags,
      params,
      response: ok(Cloud, 'The cloud.')
    }
  }, async (request) => {
    const entry = farm.entry(request.params.cloud)
    await farm.check(request.params.cloud, reader(request))
    return { ...summary(entry), capabilities: entry.connection === undefined ? {} : capabilitiesOf(entry.connection) }
  })

  fastify.post('/clouds/:cloud/actions/refresh', {
    schema: {
      operationId: 'refreshCloud',
      summary: 'Drop token, catalog and caches of a cloud',
      description: 'They are read anew at once, and the health tells how that went.',
      tags,
      params,
      body: Type.Object({}, { additionalProperties: false }),
      response: ok(Cloud, 'The cloud, as it is now.')
    }
  }, async (request) => {
    const { cloud } = request.params
    request.cloud.refresh()
    await farm.check(cloud, reader(request))
    return { ...summary(farm.entry(cloud)), capabilities: capabilitiesOf(request.cloud) }
  })
}

export default routes
