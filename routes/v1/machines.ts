import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { ProblemError, type Node, type Operation } from '../../openapi/model/index.ts'
import { isEnded } from '../../plugins/operations/rows.ts'
import type { StartedOperation } from '../../plugins/operations/start.ts'
import type { Finder } from './find.ts'
import { toNode } from './libcloud.ts'
import { answer, bodyTypes, cloudParams, Start, Stop, tokenQuery, V1Node } from './schemas.ts'

const tags = ['Machines']

/** Seconds to wait for a create whose answer was lost. */
const lostWait = 55

/** Returns the error with which an operation ended. */
function failureOf ({ error, kind, id }: Operation) {
  if (error === null) return new ProblemError('outcome_unknown', `It is not known what came of ${kind} ${id}`)
  return new ProblemError(error.code as ProblemError['code'], error.detail)
}

/** The routes that create and destroy nodes. */
export function machineRoutes (fastify: FastifyInstance, { cloudOf, findNamed, findNode }: Finder) {
  const { nodes, operations } = fastify

  /** Waits until the created node is known. Throws the failure of the operation. */
  const createdNode = async (request: FastifyRequest, { row: { id } }: StartedOperation): Promise<string> => {
    let operation = await operations.get(id, request.caller)
    if (operation.resource === null && !isEnded(operation)) {
      await operations.wait(id, lostWait, request.signal)
      operation = await operations.get(id, request.caller)
    }
    if (operation.resource === null) throw failureOf(operation)
    return operation.resource.id
  }

  fastify.post<{ Body: Static<typeof Start> }>('/vm/start/:cloud?', {
    config: { level: 'open', v1: 'manage', action: 'nodes.create' },
    schema: {
      operationId: 'v1StartVm',
      summary: 'Create a node',
      tags,
      params: cloudParams,
      querystring: tokenQuery,
      consumes: bodyTypes,
      body: Start,
      response: answer({ nodes: V1Node })
    }
  }, async (request) => {
    const { name, image, size, keyname, metadata } = request.body
    const cloud = cloudOf(request)
    const [{ id: imageId }, { id: sizeId }] = await Promise.all([
      findNamed(request, 'images', 'image', image), findNamed(request, 'sizes', 'size', size)
    ])
    const started = await nodes.create(cloud, {
      name,
      image_id: imageId,
      size_id: sizeId,
      ...keyname !== undefined && { key_pair_name: keyname },
      ...metadata !== undefined && { tags: metadata }
    })
    const id = await createdNode(request, started)
    const node = await cloud.call((connection, call): Promise<Node> => connection.nodes!.get(id, { extra: true }, call))
    return { status: 'ok', nodes: toNode(node) }
  })

  fastify.put<{ Body: Static<typeof Stop> }>('/vm/stop/:cloud?', {
    config: { level: 'open', v1: 'manage', action: 'nodes.destroy' },
    schema: {
      operationId: 'v1StopVm',
      summary: 'DESTROY a node',
      description: '**This destroys the node and its disk, as in the original.** To stop a node and keep it, use ' +
        '`POST /api/v2/clouds/{cloud}/nodes/{id}/actions/stop`.',
      tags,
      params: cloudParams,
      querystring: tokenQuery,
      consumes: bodyTypes,
      body: Stop,
      response: answer({ result: Type.String() })
    }
  }, async (request) => {
    const { id } = await findNode(request, request.body)
    await nodes.destroy(cloudOf(request), id)
    return { status: 'ok', result: `Node ${id} deleted` }
  })
}
