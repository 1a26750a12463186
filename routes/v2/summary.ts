import type { FastifyInstance } from 'fastify'
import {
  cloudFilter,
  listTimeout,
  ok,
  partial,
  queryOf,
  Summary
} from '../../openapi/model/index.ts'
import { splitCommas } from '../collection.ts'

/** The clouds in numbers. */
export default async function routes (fastify: FastifyInstance) {
  fastify.get('/summary', {
    preValidation: splitCommas,
    config: { level: 'read', action: 'summary.get' },
    schema: {
      operationId: 'getSummary',
      summary: 'Count the nodes of all clouds by state',
      description:
        'Reads the nodes of each cloud and counts them by state. If a cloud fails, `sources` reports it ' +
        'and its counts are null. Each cloud is read to its end, so the answer takes as long as a walk through the ' +
        'nodes of the largest cloud.',
      tags: ['Clouds'],
      querystring: queryOf({ ...cloudFilter, ...listTimeout, ...partial }),
      response: ok(Summary, 'The counts.')
    }
  }, (request) => fastify.lists.summarize(request))
}
