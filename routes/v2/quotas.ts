import type { FastifyInstance } from 'fastify'
import { ok, QuotaList } from '../../openapi/model/index.ts'
import { cloudParams } from '../collection.ts'

export default async function routes (fastify: FastifyInstance) {
  fastify.get('/clouds/:cloud/quotas', {
    config: { level: 'read', action: 'quotas.list' },
    schema: {
      operationId: 'listQuotas',
      summary: 'List the quotas of a cloud and how much of each is used',
      tags: ['Clouds'],
      params: cloudParams,
      response: ok(QuotaList, 'Quotas of compute, network and volumes.')
    }
  }, async ({ cloud }) => {
    cloud.require('quotas.list')
    const quotas = await cloud.call(({ quotas }, call) => quotas!.list(call))
    return { items: quotas, sources: quotas.sources }
  })
}
