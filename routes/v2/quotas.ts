import type { FastifyInstance } from 'fastify'
import { ok, QuotaList } from '../../openapi/model/index.ts'
import { methodOf } from '../../plugins/clouds/capabilities.ts'
import { reader } from '../../plugins/clouds/index.ts'
import { cloudParams } from '../collection.ts'

export default async function routes (fastify: FastifyInstance) {
  fastify.get<{ Params: { cloud: string } }>('/clouds/:cloud/quotas', {
    schema: {
      operationId: 'listQuotas',
      summary: 'List the quotas of a cloud and what of them is used',
      tags: ['Clouds'],
      params: cloudParams,
      response: ok(QuotaList, 'Quotas of compute, network and volumes.')
    }
  }, async (request) => {
    methodOf(request.cloud, 'quotas.list')
    return { items: await fastify.farm.call(request.params.cloud, reader(request), ({ quotas }, call) => quotas!.list(call)) }
  })
}
