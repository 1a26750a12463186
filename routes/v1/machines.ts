import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '#typebox'
import { ProblemError, type Node, type Operation } from '../../openapi/model/index.ts'
import { noteChange } from '../../plugins/audit/index.ts'
import { isEnded } from '../../plugins/operations/rows.ts'
import type { StartedOperation } from '../../plugins/operations/start.ts'
import type { Finder } from './find.ts'
import { pathOf, toNode } from './libcloud.ts'
import { addRoute } from './route.ts'
import { Start, Stop, V1Node } from './schemas.ts'

/** Seconds to wait for a create whose answer was lost. */
const lostWait = 55

/** Returns the error with which an operation ended. */
function failureOf ({ error, kind, id }: Operation) {
  if (error === null) {
    return new ProblemError('outcome_unknown', `It is not known what came of ${kind} ${id}`)
  }
  return new ProblemError(error.code as ProblemError['code'], error.detail)
}

/** The routes that create and destroy nodes. */
export function machineRoutes (fastify: FastifyInstance, { cloudOf, findNamed, findNode }: Finder) {
  const { nodes, operations } = fastify

  /** Waits until the created node is known. Throws the failure of the operation. */
  const createdNode = async (
    request: FastifyRequest,
    { row: { id } }: StartedOperation
  ): Promise<string> => {
    let operation = await operations.get(id, request.caller)
    if (operation.resource === null && !isEnded(operation)) {
      await operations.wait(id, lostWait, request.signal)
      operation = await operations.get(id, request.caller)
    }
    if (operation.resource === null) throw failureOf(operation)
    return operation.resource.id
  }

  addRoute(fastify, {
    method: 'POST',
    path: '/vm/start',
    level: 'manage',
    action: 'nodes.create',
    operationId: 'v1StartVm',
    summary: 'Create a node',
    tag: 'Machines',
    body: Start,
    fields: { nodes: V1Node },
    async run (request, { name, image, size, keyname, metadata }) {
      const cloud = cloudOf(request)
      const [{ id: imageId }, { id: sizeId }] = await Promise.all([
        findNamed(request, 'images', 'image', image),
        findNamed(request, 'sizes', 'size', size)
      ])
      const started = await nodes.create(cloud, {
        name,
        image_id: imageId,
        size_id: sizeId,
        ...keyname !== undefined && { key_pair_name: keyname },
        ...metadata !== undefined && { tags: metadata }
      })
      const id = await createdNode(request, started)
      noteChange(request, { operation: started.row.id, resource: pathOf(cloud.name, id) })
      const node = await cloud.call((connection, call): Promise<Node> =>
        connection.nodes!.get(id, { extra: true }, call)
      )
      return { nodes: toNode(node) }
    }
  })

  addRoute(fastify, {
    method: 'PUT',
    path: '/vm/stop',
    level: 'manage',
    action: 'nodes.destroy',
    operationId: 'v1StopVm',
    summary: 'DESTROY a node',
    description:
      '**This destroys the node and its disk, as in the original.** To stop a node and keep it, use ' +
      '`POST /api/v2/clouds/{cloud}/nodes/{id}/actions/stop`.',
    tag: 'Machines',
    body: Stop,
    fields: { result: Type.String() },
    async run (request, target) {
      const { id } = await findNode(request, target)
      const cloud = cloudOf(request)
      const { row } = await nodes.destroy(cloud, id)
      noteChange(request, { operation: row.id, resource: pathOf(cloud.name, id) })
      return { result: `Node ${id} deleted` }
    }
  })
}
