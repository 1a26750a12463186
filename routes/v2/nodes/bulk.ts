import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  createHeaders,
  nodeActionDetails,
  nodeActions,
  nodeBulkBodies,
  NodeBulkResult,
  nodeVerbDetails,
  ok,
  ProblemError,
  toProblem,
  type NodeAction,
  type NodeBulkItem,
  type NodeState
} from '../../../openapi/model/index.ts'
import { runForEach } from '../../../plugins/bulk.ts'
import type { CloudHandle } from '../../../plugins/clouds/handle.ts'
import { asProblemError } from '../../../plugins/errors.ts'
import type { Answer } from '../../../plugins/idempotency.ts'
import { parsePrefer } from '../../../plugins/operations/index.ts'
import { cloudParams, toCamelCase } from '../../collection.ts'

interface BulkRoute {
  Params: { cloud: string }
  Body: { ids: string[], input?: object }
}
type BulkRequest = FastifyRequest<BulkRoute>

const description =
  'Each node has its own operation or its own problem, so the answer is 200 also if some actions ' +
  'failed. If the cloud cannot do the action at all, the whole request fails and nothing is sent. With ' +
  '`Prefer: wait=30` the answer waits for the end of all operations. An `Idempotency-Key` covers the whole request.'

/** The summary of the action on one node, within a sentence. */
function summaryOf (verb: NodeAction) {
  const summary = verb === 'destroy' ? 'Destroy a node' : nodeVerbDetails[verb].summary
  return `${summary[0]!.toLowerCase()}${summary.slice(1)}`
}

/** Actions on many nodes by one request. */
export default async function routes (fastify: FastifyInstance) {
  const { nodes, operations } = fastify

  const start = (cloud: CloudHandle, verb: NodeAction, id: string, input: object) => {
    if (cloud.connection.ids['nodes']?.test(id) === false) {
      throw new ProblemError(
        'resource_not_found',
        `"${id.slice(0, 64)}" cannot be an id of a node of ${cloud.name}`
      )
    }
    if (verb === 'destroy') {
      return nodes.destroy(cloud, id, (input as { if_state?: NodeState }).if_state)
    }
    return nodes.runVerb(cloud, id, verb, input)
  }

  const runForAll = async (verb: NodeAction, request: BulkRequest): Promise<Answer> => {
    const { cloud, body: { ids, input = {} } } = request
    cloud.require(`nodes.${verb}`, verb === 'destroy' ? {} : input)
    const started = await runForEach(ids, async (id) => start(cloud, verb, id, input))
    const items = await Promise.all(started.map(async (outcome, i): Promise<NodeBulkItem> => {
      const id = ids[i]!
      if (outcome.status === 'fulfilled') {
        return {
          id,
          operation: (await operations.answer(outcome.value, request)).body,
          problem: null
        }
      }
      const problem = asProblemError(outcome.reason)
      if (problem.code === 'internal_error') {
        request.log.error({ err: problem, node: id }, problem.message)
      }
      return { id, operation: null, problem: toProblem(problem, { request_id: request.id }) }
    }))
    const wait = parsePrefer(request.headers.prefer)
    const headers: Record<string, string> = wait === undefined
      ? {}
      : { 'preference-applied': `wait=${wait}` }
    return { status: 200, headers, body: { items } }
  }

  for (const verb of nodeActions) {
    fastify.post<BulkRoute>(
      `/clouds/:cloud/nodes/actions/${verb}`,
      {
        config: { level: nodeActionDetails[verb].level, action: `nodes.${verb}` },
        schema: {
          operationId: `${toCamelCase(verb)}Nodes`,
          summary: `On many nodes: ${summaryOf(verb)}`,
          description,
          tags: ['Nodes'],
          params: cloudParams,
          headers: createHeaders,
          body: nodeBulkBodies[verb],
          response: ok(NodeBulkResult, 'The outcome for each node, in the order of `ids`.')
        }
      },
      (request, reply) =>
        fastify.idempotent(request, reply, () => runForAll(verb, request), { direct: true })
    )
  }
}
