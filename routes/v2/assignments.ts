import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  anyOf,
  Assignment,
  AssignmentPage,
  cloudFilter,
  NodeAssign,
  NodeRelease,
  ok,
  pageAnswer,
  paging,
  preferHeader,
  queryOf,
  ReleaseResult
} from '../../openapi/model/index.ts'
import { byInput } from '../../plugins/auth/levels.ts'
import { idParams, splitCommas } from '../collection.ts'

const tags = ['Assignments']

const assignLevel = byInput(
  { release: 'operate', stop: 'operate', destroy: 'manage' },
  ({ body }) => (body as NodeAssign).on_expiry ?? 'release'
)

const releaseLevel = byInput(
  { keep: 'operate', destroy: 'manage' },
  ({ body }) => (body as NodeRelease | null)?.destroy === true ? 'destroy' : 'keep'
)

/** Who has which node. */
const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { assignments, operations } = fastify

  fastify.get('/assignments', {
    preValidation: splitCommas,
    config: { level: 'read', action: 'assignments.list' },
    schema: {
      operationId: 'listAssignments',
      summary: 'List the assignments of nodes, the newest first',
      description:
        'Only present assignments, on the clouds that the caller may read. Calls no cloud.',
      tags,
      querystring: queryOf({
        ...paging,
        ...cloudFilter,
        user: anyOf('Only assignments to these users.'),
        application: anyOf('Only assignments for these applications.')
      }),
      response: pageAnswer(AssignmentPage)
    }
  }, async ({ query, caller }) => assignments.list(query, caller))

  fastify.post('/clouds/:cloud/nodes/:id/actions/assign', {
    config: { level: assignLevel, action: 'nodes.assign' },
    schema: {
      operationId: 'assignNode',
      summary: 'Assign a node to a user for an application',
      description:
        'A node has one holder at a time: if it is assigned already, the answer is 409 ' +
        '`already_assigned`, also if two requests race. `user` is a label without permissions. With `expires_in`, ' +
        'the assignment ends by itself, and `on_expiry` stops or destroys the node with the permissions that the ' +
        'caller has then: without them, only the assignment ends. The server reads the node once.',
      tags,
      params: idParams,
      body: NodeAssign,
      response: ok(Assignment, 'The assignment.')
    }
  }, async ({ cloud, params: { id }, body, caller }) => assignments.assign(cloud, id, body, caller))

  fastify.post('/clouds/:cloud/nodes/:id/actions/release', {
    config: { level: releaseLevel, action: 'nodes.release' },
    schema: {
      operationId: 'releaseNode',
      summary: 'End the assignment of a node',
      description:
        'The node stays as it is; calls no cloud. With `destroy` the node is destroyed: if the cloud ' +
        'refuses that, the assignment stays. `Prefer: wait=30` waits for the end of that operation. A node that is ' +
        'not assigned is no error.',
      tags,
      params: idParams,
      headers: preferHeader,
      body: NodeRelease,
      response: ok(
        ReleaseResult,
        'The assignment that has ended, and the operation that destroys the node.'
      )
    }
  }, async (request, reply) => {
    const { cloud, params: { id }, body, caller } = request
    const { assignment, started } = await assignments.release(cloud, id, body, caller)
    if (started === null) return { assignment, operation: null }
    const { headers, body: operation } = await operations.answer(started, request)
    reply.headers(headers)
    return { assignment, operation }
  })
}

export default routes
