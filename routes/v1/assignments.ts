import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '#typebox'
import type { Node } from '../../openapi/model/index.ts'
import { noteChange } from '../../plugins/audit/index.ts'
import type { Finder } from './find.ts'
import { pathOf, toNode } from './libcloud.ts'
import { addRoute } from './route.ts'
import { Assign, Release, V1Node } from './schemas.ts'

interface Target {
  node?: string
  hostname?: string
}

const fields = { id_vm: Type.String(), id: Type.String(), result: Type.String() }

/** The answer to a request with `emulate`, which asks no cloud. */
const emulated = ({ node, hostname }: Target, result: string) => {
  const id = node ?? hostname!
  return { id_vm: id, id, result: `Node ${id} ${result}` }
}

/** The routes that give nodes to users and take them back. */
export function assignmentRoutes (
  fastify: FastifyInstance,
  { cloudOf, findNode, listAll }: Finder
) {
  const { assignments } = fastify

  addRoute(fastify, {
    method: 'PUT',
    path: '/vm/action/assign',
    level: 'operate',
    action: 'nodes.assign',
    operationId: 'v1AssignVm',
    summary: 'Assign a node to a user',
    description:
      'A node has one user at a time. `id_vm` is the id of the node, `id` that of the assignment.',
    tag: 'Machines',
    body: Assign,
    fields,
    async run (request, { user, vm_type: application, emulate, node, hostname }) {
      const target = { node, hostname }
      if (emulate === true) return emulated(target, 'assigned')
      const { id } = await findNode(request, target)
      const cloud = cloudOf(request)
      const assignment = await assignments.assign(cloud, id, { user, application }, request.caller)
      noteChange(request, { operation: null, resource: pathOf(cloud.name, id) })
      return { id_vm: id, id: assignment.id, result: `Node ${id} assigned` }
    }
  })

  addRoute(fastify, {
    method: 'PUT',
    path: '/vm/action/release',
    level: 'manage',
    action: 'nodes.release.destroy',
    operationId: 'v1ReleaseVm',
    summary: 'Take a node from its user and DESTROY it',
    description:
      '**This destroys the node and its disk, as in the original.** To release a node and keep it, use ' +
      '`POST /api/v2/clouds/{cloud}/nodes/{id}/actions/release`.',
    tag: 'Machines',
    body: Release,
    fields,
    async run (request, { emulate, node, hostname }) {
      const target = { node, hostname }
      if (emulate === true) return emulated(target, 'released and deleted')
      const { id } = await findNode(request, target)
      const cloud = cloudOf(request)
      const { assignment, started } = await assignments.release(
        cloud,
        id,
        { destroy: true },
        request.caller
      )
      noteChange(request, { operation: started?.row.id ?? null, resource: pathOf(cloud.name, id) })
      return { id_vm: id, id: assignment?.id ?? id, result: `Node ${id} released and deleted` }
    }
  })

  const assignedNodes = async (request: FastifyRequest) => {
    const cloud = cloudOf(request)
    const nodes = await listAll<Node>(request, 'nodes', cloud)
    return nodes.filter(({ id }) => assignments.of(cloud.name, id, request.caller) !== undefined)
      .map(toNode)
  }

  addRoute(fastify, {
    method: 'GET',
    path: '/vm/status',
    level: 'read',
    action: 'nodes.list',
    operationId: 'v1ListAssignedVms',
    summary: 'List the nodes that are assigned; `nodes` is `{}` if there are none',
    tag: 'Machines',
    fields: {
      nodes: Type.Union([Type.Array(V1Node), Type.Object({}, { additionalProperties: false })])
    },
    async run (request) {
      const nodes = await assignedNodes(request)
      return { nodes: nodes.length === 0 ? {} : nodes }
    }
  })
}
