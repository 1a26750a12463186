import type { FastifyBaseLogger } from 'fastify'
import { readPages } from '../../drivers/common/pages.ts'
import type { ResourceRef } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type ResourceKind } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import { judgeChange, toStatus, type ResourceStatus } from './outcome.ts'
import { maxSingleReads } from './poller.ts'
import { readerOf } from './resources.ts'
import type { OperationRow } from './rows.ts'
import type { Tracker } from './tracker.ts'
import type { Transitions } from './transitions.ts'

const keyOf = ({ kind, id }: ResourceRef) => `${kind} ${id}`

/** Reads the status of a resource; null if it does not exist. */
export async function readStatus (
  cloud: CloudHandle,
  { kind, id }: ResourceRef
): Promise<ResourceStatus | null> {
  try {
    const view = await cloud.call((_, call) =>
      readerOf(cloud, kind).get(id, { extra: false, brief: true }, call)
    )
    return toStatus(kind, view)
  } catch (error) {
    if ((error as ProblemError).code === 'resource_not_found') return null
    throw error
  }
}

/**
 * Reads the statuses of many resources of one kind by a list, which stops when it has found all. A cloud that can list
 * by ids reads no others.
 */
async function listStatuses (cloud: CloudHandle, kind: ResourceKind, ids: readonly string[]) {
  const wanted = new Set(ids)
  const query = { limit: 1000, filters: {}, extra: false, brief: true, ids }
  const pages = readPages((token) =>
    cloud.call((_, call) => readerOf(cloud, kind).list({ ...query, token }, call))
  )
  const statuses = new Map<string, ResourceStatus>()
  for await (const items of pages) {
    for (const item of items) {
      if (wanted.delete(item.id)) statuses.set(item.id, toStatus(kind, item))
    }
    if (wanted.size === 0) break
  }
  return statuses
}

const mean = (values: readonly number[]) =>
  Math.floor(values.reduce((sum, value) => sum + value, 0) / values.length)

/** Returns the mean progress of the resources; null if none of them reports one. */
function progressOf (statuses: readonly (ResourceStatus | null)[]): number | null {
  const known = statuses.flatMap((status) => status?.progress ?? [])
  return known.length === 0 ? null : mean(known)
}

/** Reads the status of each resource of the operations under way, once, as cheaply as the cloud allows. */
function createStatusReader (
  cloud: CloudHandle,
  operations: readonly OperationRow[],
  log: FastifyBaseLogger
) {
  const resources = operations.flatMap((row) => row.resources)
  const lists = new Map<
    ResourceKind,
    Promise<Map<string, ResourceStatus> | undefined> | undefined
  >()
  const reads = new Map<string, Promise<ResourceStatus | null>>()

  const idsOf = (kind: ResourceKind) =>
    new Set(resources.filter((resource) => resource.kind === kind).map(({ id }) => id))

  const listOnce = (kind: ResourceKind) => {
    if (lists.has(kind)) return lists.get(kind)
    const ids = idsOf(kind)
    const list = ids.size <= maxSingleReads
      ? undefined
      : listStatuses(cloud, kind, [...ids]).catch((err: unknown) => {
        log.warn({ err, cloud: cloud.name }, 'the resources of many operations could not be listed')
        return undefined
      })
    lists.set(kind, list)
    return list
  }

  return async (ref: ResourceRef, own: () => CloudHandle): Promise<ResourceStatus | null> => {
    const listed = (await listOnce(ref.kind))?.get(ref.id)
    if (listed !== undefined) return listed
    // A list may omit a resource that exists, so a get decides.
    const read = reads.get(keyOf(ref)) ?? readStatus(own(), ref)
    reads.set(keyOf(ref), read)
    return read
  }
}

export interface FollowerOptions {
  tracker: Tracker
  transitions: Transitions
  log: FastifyBaseLogger
}

/** Follows changes that a cloud has accepted until they end. */
export function createFollower ({ tracker, transitions, log }: FollowerOptions) {
  /** Looks once at the resources of an operation. */
  const follow = async (
    row: OperationRow,
    read: (ref: ResourceRef) => Promise<ResourceStatus | null>
  ) => {
    const waited = tracker.sinceSent(row.id)
    const statuses = await Promise.all(row.resources.map((resource) => read(resource)))
    const verdicts = statuses.map((status) =>
      judgeChange({ until: row.until!, fromState: row.from_state, waited }, status)
    )
    const resources = row.resources.map((resource, i) => {
      const verdict = verdicts[i]
      const error = verdict instanceof ProblemError ? toProblem(verdict) : resource.error
      return { ...resource, state: statuses[i]?.state ?? null, error }
    })
    const failure = verdicts.find((verdict) => verdict instanceof ProblemError)
    if (failure !== undefined) return transitions.end(row.id, 'failed', failure, { resources })
    if (!verdicts.includes('waiting')) {
      return transitions.end(row.id, 'succeeded', null, { resources })
    }
    transitions.show(row, resources, progressOf(statuses))
  }

  return {
    /** Returns a function that follows one of these operations. Operations on the same resources share the reads. */
    prepare (cloud: CloudHandle, operations: readonly OperationRow[]) {
      const read = createStatusReader(cloud, operations, log)
      return (row: OperationRow, own: () => CloudHandle) => follow(row, (ref) => read(ref, own))
    }
  }
}
