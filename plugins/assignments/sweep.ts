import fp from 'fastify-plugin'
import type { CloudHandle } from '../clouds/cloud.ts'
import { readStatus } from '../operations/follow.ts'

/** Milliseconds between two checks of all assigned nodes. */
const sweepMs = 15 * 60_000

/**
 * Ends the assignments of nodes that do not exist any more: after their destruction by this server at once, after any
 * other by a slow check of all assigned nodes.
 */
export default fp(async (fastify) => {
  const { assignments: { registry, forget }, farm, log, operations } = fastify

  operations.onEnd(({ kind, status, cloud, target }) => {
    if (kind !== 'nodes.destroy' || status !== 'succeeded' || target === null) return
    forget(cloud, target.id)
  })

  const checkNodes = async (cloud: CloudHandle) => {
    for (const node of [...registry.onCloud(cloud.name)?.keys() ?? []]) {
      const status = await readStatus(cloud, { kind: 'node', id: node })
      if (status === null || status.state === 'terminated') await forget(cloud.name, node)
    }
  }

  const checkAll = async () => {
    for (const { name, connection } of farm.clouds) {
      // A dormant cloud is a process that a check would start.
      if (connection === undefined || connection.isDormant === true || registry.onCloud(name) === undefined) continue
      try {
        await checkNodes(farm.handle(name, { requestId: 'assignments', log }))
      } catch (err) {
        log.warn({ err, cloud: name }, 'the assigned nodes of a cloud could not be checked; this is tried again')
      }
    }
  }

  const timer = setInterval(checkAll, sweepMs)
  timer.unref()
  fastify.addHook('onClose', async () => clearInterval(timer))
}, { name: 'sweep', dependencies: ['assignments', 'operations'] })
