import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import type { CloudHandle } from '../clouds/cloud.ts'
import { readStatus } from '../operations/follow.ts'

/**
 * Ends the assignments of nodes that do not exist any more: after their destruction by this server at once, after any
 * other by a slow check of all assigned nodes.
 */
export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
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
      if (
        connection === undefined || connection.isDormant === true ||
        registry.onCloud(name) === undefined
      ) continue
      try {
        await checkNodes(farm.handle(name, { requestId: 'assignments', log }))
      } catch (err) {
        log.warn(
          { err, cloud: name },
          'the assigned nodes of a cloud could not be checked; this is tried again'
        )
      }
    }
  }

  let timer: NodeJS.Timeout | undefined
  /** Plans the next check, which begins only after the end of this one. */
  const plan = () => {
    timer = setTimeout(async () => {
      await checkAll()
      if (timer !== undefined) plan()
    }, settings.assignments.check_seconds * 1000).unref()
  }
  plan()
  fastify.addHook('onClose', async () => {
    clearTimeout(timer)
    timer = undefined
  })
}, { name: 'sweep', dependencies: ['assignments', 'operations'] })
