import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import {
  createHeaders, NodeBulkAction, NodeBulkResult, NodeDestroy, nodeActions, nodeVerbDetails, ok, ProblemError, toProblem,
  type NodeAction, type NodeBulkItem, type NodeState
} from '../../openapi/model/index.ts'
import { runForEach } from '../../plugins/bulk.ts'
import type { CloudHandle } from '../../plugins/clouds/cloud.ts'
import { asProblemError } from '../../plugins/errors.ts'
import { parsePrefer } from '../../plugins/operations/index.ts'
import { cloudParams } from '../collection.ts'

const bodyOf = (verb: NodeAction) => verb === 'destroy' ? NodeDestroy : nodeVerbDetails[verb].body

interface SchemaError { instancePath: string }

/** Actions on many nodes by one request. */
export default async function routes (fastify: FastifyInstance) {
  const { nodes, operations } = fastify

  /** Throws validation_failed for an input that the action of one node would refuse. */
  const checkInput = (verb: NodeAction, input: object) => {
    const validate = fastify.validatorCompiler!({ schema: bodyOf(verb), httpPart: 'body' } as never) as {
      (value: object): boolean, errors: SchemaError[] | null
    }
    if (validate(input)) return
    const errors = validate.errors!.map((error) => ({ ...error, instancePath: `/input${error.instancePath}` }))
    throw Object.assign(new Error('The input is not valid'), { validation: errors, validationContext: 'body' })
  }

  const start = (cloud: CloudHandle, verb: NodeAction, id: string, input: object) => {
    if (cloud.connection.ids['nodes']?.test(id) === false) {
      throw new ProblemError('resource_not_found', `"${id.slice(0, 64)}" cannot be an id of a node of ${cloud.name}`)
    }
    if (verb === 'destroy') return nodes.destroy(cloud, id, (input as { if_state?: NodeState }).if_state)
    return nodes.runVerb(cloud, id, verb, input)
  }

  fastify.post<{ Params: { cloud: string, verb: NodeAction }, Body: NodeBulkAction }>(
    '/clouds/:cloud/nodes/actions/:verb', {
      schema: {
        operationId: 'runNodesAction',
        summary: 'Run one action on many nodes of a cloud',
        description: 'Each node has its own operation or its own problem, so the answer is 200 also if some actions ' +
          'failed. If the cloud cannot do the action at all, the whole request fails and nothing is sent. ' +
          'With `Prefer: wait=30` the answer waits for the end of all operations. An `Idempotency-Key` covers the ' +
          'whole request.',
        tags: ['Nodes'],
        params: Type.Object({
          ...cloudParams.properties,
          verb: Type.Enum([...nodeActions], { type: 'string', description: 'The action.' })
        }),
        headers: createHeaders,
        body: NodeBulkAction,
        response: ok(NodeBulkResult, 'The outcome for each node, in the order of `ids`.')
      }
    }, async (request, reply) => {
      const { cloud, params: { verb }, body: { ids, input = {} } } = request
      checkInput(verb, input)
      return fastify.idempotent(request, reply, async () => {
        cloud.require(`nodes.${verb}`, verb === 'destroy' ? {} : input)
        const started = await runForEach(ids, async (id) => start(cloud, verb, id, input))
        const items = await Promise.all(started.map(async (outcome, i): Promise<NodeBulkItem> => {
          const id = ids[i]!
          if (outcome.status === 'fulfilled') {
            return { id, operation: (await operations.answer(outcome.value, request)).body, problem: null }
          }
          const problem = asProblemError(outcome.reason)
          if (problem.code === 'internal_error') request.log.error({ err: problem, node: id }, problem.message)
          return { id, operation: null, problem: toProblem(problem, { request_id: request.id }) }
        }))
        const wait = parsePrefer(request.headers.prefer)
        const headers: Record<string, string> = wait === undefined ? {} : { 'preference-applied': `wait=${wait}` }
        return { status: 200, headers, body: { items } }
      }, { direct: true })
    })
}
