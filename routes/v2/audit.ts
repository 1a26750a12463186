import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import {
  anyOf,
  auditOutcomes,
  AuditPage,
  cloudFilter,
  createdFilters,
  pageAnswer,
  paging,
  queryOf
} from '../../openapi/model/index.ts'
import { toStoredTime } from '../../plugins/lists/filters.ts'
import { splitCommas } from '../collection.ts'

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get('/audit', {
    config: { level: 'admin', action: 'audit.list' },
    preValidation: splitCommas,
    schema: {
      operationId: 'listAudit',
      summary: 'List changes and refusals, the newest first',
      description:
        'Every change with its caller, and every request that was refused for the permissions of its ' +
        'caller. Refusals without a valid credential are counted by address and minute. Entries are kept for 90 ' +
        'days by default (setting `audit.keep_days`). Without `auth` and `audit` in the settings, nothing is recorded.',
      tags: ['Callers'],
      querystring: queryOf({
        ...paging,
        ...cloudFilter,
        caller: anyOf('Only entries of the callers with these ids.'),
        action: anyOf('Only these actions, such as `nodes.stop`.'),
        outcome: anyOf('Only these outcomes.', auditOutcomes),
        operation: Type.Optional(Type.String({
          minLength: 1,
          maxLength: 64,
          description: 'Only entries of the operation with this id.'
        })),
        ...createdFilters
      }),
      response: pageAnswer(AuditPage)
    }
  }, ({ query, caller: { identity } }) => {
    const {
      cloud,
      caller,
      action,
      outcome,
      created_after: after,
      created_before: before,
      ...others
    } = query
    return fastify.audit.page({
      ...others,
      clouds: cloud,
      callers: caller,
      actions: action,
      outcomes: outcome,
      createdAfter: toStoredTime('created_after', after),
      createdBefore: toStoredTime('created_before', before)
    }, identity)
  })
}

export default routes
