import type { FastifyBaseLogger } from 'fastify'
import { readPages } from '../../drivers/pages.ts'
import type { ResourceRef } from '../../drivers/driver.ts'
import { ProblemError, resourceKinds, toProblem } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/cloud.ts'
import { judgeChange, toStatus, type ResourceStatus } from './outcome.ts'
import { maxSingleReads } from './poller.ts'
import { readerOf } from './resources.ts'
import type { OperationRow } from './rows.ts'
import type { Transitions } from './transitions.ts'

const keyOf = ({ kind, id }: ResourceRef) => `${kind} ${id}`

/** Reads the status of a resource; null if it does not exist. */
export async function readStatus (cloud: CloudHandle, { kind, id }: ResourceRef): Promise<ResourceStatus | null> {
  try {
    const view = await cloud.call((_, call) => readerOf(cloud, kind).get(id, { extra: false }, call))
    return toStatus(kind, view)
  } catch (error) {
    if ((error as ProblemError).code === 'resource_not_found') return null
    throw error
  }
}

/** Reads the statuses of the resources of many operations by lists. A list stops when it has found all of a kind. */
async function listStatuses (cloud: CloudHandle, operations: readonly OperationRow[]) {
  const statuses = new Map<string, ResourceStatus>()
  const resources = operations.flatMap((row) => row.resources)
  for (const kind of resourceKinds) {
    const wanted = new Set(resources.filter((resource) => resource.kind === kind).map(({ id }) => id))
    if (wanted.size === 0) continue
    const pages = readPages((token) => cloud.call((_, call) =>
      readerOf(cloud, kind).list({ limit: 1000, token, filters: {}, extra: false }, call)))
    for await (const items of pages) {
      for (const item of items) {
        if (wanted.delete(item.id)) statuses.set(keyOf({ kind, id: item.id }), toStatus(kind, item))
      }
      if (wanted.size === 0) break
    }
  }
  return statuses
}

const mean = (values: readonly number[]) => Math.floor(values.reduce((sum, value) => sum + value, 0) / values.length)

/** Returns the mean progress of the resources; null if none of them reports one. */
function progressOf (statuses: readonly (ResourceStatus | null)[]): number | null {
  const known = statuses.flatMap((status) => status?.progress ?? [])
  return known.length === 0 ? null : mean(known)
}

/** Follows changes that a cloud has accepted until they end. */
export function createFollower ({ transitions, log }: { transitions: Transitions, log: FastifyBaseLogger }) {
  /** Looks once at the resources of an operation. */
  const follow = async (row: OperationRow, read: (ref: ResourceRef) => Promise<ResourceStatus | null>) => {
    const waited = Date.now() - Date.parse(row.sent_at)
    const statuses = await Promise.all(row.resources.map((resource) => read(resource)))
    const verdicts = statuses.map((status) =>
      judgeChange({ until: row.until!, fromState: row.from_state, waited }, status))
    row.resources.forEach((resource, i) => {
      const verdict = verdicts[i]
      resource.state = statuses[i]?.state ?? null
      if (verdict instanceof ProblemError) resource.error = toProblem(verdict)
    })
    row.progress = progressOf(statuses)
    const failure = verdicts.find((verdict) => verdict instanceof ProblemError)
    if (failure !== undefined) return transitions.end(row, 'failed', failure)
    if (!verdicts.includes('waiting')) return transitions.end(row, 'succeeded')
  }

  return {
    /** Returns a function that follows one of these operations. Many operations share lists. */
    async prepare (cloud: CloudHandle, operations: readonly OperationRow[]) {
      const listed = operations.length <= maxSingleReads
        ? undefined
        : await listStatuses(cloud, operations).catch((err: unknown) => {
          log.warn({ err, cloud: cloud.name }, 'the resources of many operations could not be listed')
          return undefined
        })
      // A list may omit a resource that exists, so a get decides.
      return (row: OperationRow, own: CloudHandle) =>
        follow(row, async (ref) => listed?.get(keyOf(ref)) ?? readStatus(own, ref))
    }
  }
}

export type Follower = ReturnType<typeof createFollower>
