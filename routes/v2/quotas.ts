import type { FastifyInstance } from 'fastify'
import { ok, QuotaList } from '../../openapi/model/index.ts'
import { wantsFresh } from '../../plugins/http/answers.ts'
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
  }, async (request, reply) => {
    const { cloud } = request
    cloud.require('quotas.list')
    const answer = await cloud.read({
      service: 'quotas',
      key: 'list',
      fresh: wantsFresh(request),
      run: ({ quotas }, call) => quotas!.list(call)
    })
    fastify.answers.allow(request, reply, [answer])
    return { items: answer.value, sources: answer.value.sources }
  })
}
