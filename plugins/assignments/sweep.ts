import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import { readStatus } from '../operations/follow.ts'

/**
 * Ends the assignments of nodes that do not exist any more: after their destruction by this server at once, after any
 * other by a slow check of all assigned nodes.
 */
export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const { assignments: { registry, forget }, farm, jobs, log, operations } = fastify

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

  const checkAll = async (signal: AbortSignal) => {
    for (const { name, connection } of farm.clouds) {
      if (signal.aborted) return
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

  const { check_seconds: seconds } = settings.assignments
  jobs.every('assignment-sweep', seconds, checkAll, { firstIn: seconds })
}, { name: 'sweep', dependencies: ['assignments', 'jobs', 'operations'] })
