import fp from 'fastify-plugin'
import { v7 as uuid } from '#uuid'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import {
  ProblemError,
  type Assignment,
  type NodeAssign,
  type NodeRelease
} from '../../openapi/model/index.ts'
import type { ActionTarget } from '../actions.ts'
import { toCallerRef, type Caller } from '../auth/caller.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor } from '../lists/cursor.ts'
import type { StartedOperation } from '../operations/start.ts'
import { openRegistry, type AssignmentRow, type Registry } from './registry.ts'
import { mayChange, pathOfOperation, toAssignment } from './view.ts'

declare module 'fastify' {
  interface FastifyInstance {
    assignments: Assignments
  }
}

export interface AssignmentQuery {
  limit: number
  cursor?: string
  cloud?: readonly string[]
  user?: readonly string[]
  application?: readonly string[]
}

export interface Release {
  /** The assignment that has ended; null if the node had none. */
  assignment: Assignment | null
  /** The operation that destroys the node; null without `destroy`. */
  started: StartedOperation | null
}

interface AssignmentsPage {
  items: Assignment[]
  next_cursor: string | null
  total: number
}

/**
 * Who has which node. The level that a request needs on the cloud is checked before. All methods throw ProblemError.
 */
export interface Assignments {
  /** The assignments themselves, for the plugins that end them. */
  readonly registry: Registry
  /**
   * Assigns a node. Throws already_assigned, or with `replace` permission_denied if the present assignment is not the
   * caller's own and the caller lacks the level manage; operation_in_progress while an expiry is under way.
   */
  assign(cloud: CloudHandle, node: string, input: NodeAssign, caller: Caller): Promise<Assignment>
  /** Ends the assignment of a node, if there is one. With `destroy`, first starts the destruction of the node. */
  release(cloud: CloudHandle, node: string, input: NodeRelease, caller: Caller): Promise<Release>
  /** The assignment of a node, as a caller who may read the cloud sees it. */
  of(cloud: string, node: string, caller: Caller): Assignment | undefined
  /** The assignments on the clouds that the caller may read, the newest first. */
  list(query: AssignmentQuery, caller: Caller): Promise<AssignmentsPage>
  /** Returns copies of nodes with their assignments; the nodes themselves if the cloud has no assignments. */
  show<T extends object>(cloud: string, nodes: T[], caller: Caller): T[]
  /** Completes the read of a node by its assignment, and ends the assignment if the node does not exist any more. */
  showRead<T extends object>(
    cloud: string,
    id: string,
    read: Promise<T>,
    caller: Caller
  ): Promise<T>
  /** Ends the assignment of a node that does not exist any more. Never throws. */
  forget(cloud: string, node: string): Promise<void>
}

const goneStates = new Set(['terminating', 'terminated'])

function toRow (cloud: string, node: string, input: NodeAssign, caller: Caller): AssignmentRow {
  const { user, application, expires_in: seconds, on_expiry: action = 'release' } = input
  const now = Date.now()
  return {
    id: uuid(),
    cloud,
    node,
    user,
    application,
    assigner: caller.identity,
    assigned_by: toCallerRef(caller),
    claims: caller.claims ?? null,
    assigned_at: new Date(now).toISOString(),
    expires_at: seconds === undefined ? null : new Date(now + seconds * 1000).toISOString(),
    on_expiry: action,
    attempts: 0,
    next_attempt_at: null,
    operation_id: null,
    problem: null
  }
}

const alreadyAssigned = ({ node, user, application }: AssignmentRow) =>
  new ProblemError('already_assigned', `${node} is assigned to ${user} for ${application}`, {
    hint:
      'Choose another node. The caller who assigned it, or one with the level manage, can release it, or replace ' +
      'the assignment with "replace": true.'
  })

/** Throws if a caller may not end an assignment, or not now. */
function requireChange (row: AssignmentRow, caller: Caller) {
  const { cloud, node, user, on_expiry: action, operation_id: operation, problem } = row
  if (!mayChange(caller, row)) {
    const detail =
      `${node} was assigned to ${user} by another caller: ${caller.name} needs the level manage on the ` +
      `cloud ${cloud} for this`
    throw new ProblemError('permission_denied', detail, {
      hint:
        'Ask the caller who assigned the node, or the administrator of this server, to release it.'
    })
  }
  // Otherwise the change of the expired assignment could meet the next one.
  if (operation !== null && problem === null) {
    const detail = `The assignment of ${node} has expired, and its ${action} is under way`
    throw new ProblemError('operation_in_progress', detail, {
      operation: pathOfOperation(operation)!,
      retry_after: 1
    })
  }
}

const includes = (values: readonly string[] | undefined, value: string) =>
  values === undefined || values.includes(value)

export default fp(async (fastify) => {
  const { auth, events, farm, store, log } = fastify
  let isClosed = false
  fastify.addHook('onClose', async () => {
    isClosed = true
  })
  const registry = await openRegistry({ store, events, log, isClosed: () => isClosed })
  const served = new Set(farm.clouds.map(({ name }) => name))
  // No answer that was kept before shows a node without its assignment.
  registry.onChange((cloud) => {
    if (served.has(cloud)) farm.get(cloud).freshness.touch('nodes')
  })

  const forget = async (cloud: string, node: string) => {
    const row = registry.of(cloud, node)
    if (row === undefined) return
    try {
      await registry.remove(row.id)
      log.info(
        { assignment: row.id, cloud, node },
        'the assignment has ended: its node does not exist any more'
      )
    } catch (err) {
      log.warn(
        { err, assignment: row.id },
        'the assignment of a node that is gone could not be ended; tried later'
      )
    }
  }

  auth.onAcceptedToken((caller) => {
    registry.keepClaims(caller)
      .catch((err: unknown) => log.warn({ err }, 'the claims of a caller could not be written'))
  })

  /** Ends the assignment of a node whose read fails because the node does not exist. */
  const forgetIfGone = async <T>(cloud: string, id: string, read: Promise<T>): Promise<T> => {
    try {
      return await read
    } catch (error) {
      if ((error as ProblemError).code === 'resource_not_found') await forget(cloud, id)
      throw error
    }
  }

  const readNode = async (cloud: CloudHandle, id: string): Promise<ActionTarget> => {
    cloud.require('nodes.get')
    return forgetIfGone(
      cloud.name,
      id,
      cloud.call(({ nodes }, call) => nodes!.get(id, { extra: false, brief: true }, call))
    )
  }

  const show: Assignments['show'] = (cloud, nodes, caller) => {
    const assigned = registry.onCloud(cloud)
    if (assigned === undefined) return nodes
    return nodes.map((node) => {
      const row = assigned.get((node as { id: string }).id)
      return row === undefined ? node : { ...node, assignment: toAssignment(row, caller) }
    })
  }

  /** Assignments on clouds that are not served any more are for administrators, as their operations are. */
  const maySee = (caller: Caller, cloud: string) =>
    served.has(cloud) ? caller.may('read', cloud) : caller.mayEverywhere('admin')

  fastify.decorate(
    'assignments',
    {
      registry,
      forget,
      async assign (cloud, id, input, caller) {
        rejectFields(
          input.on_expiry !== undefined && input.expires_in === undefined
            ? [
                fieldError(
                  '/on_expiry',
                  'must be absent without expires_in: the assignment would not expire'
                )
              ]
            : []
        )
        const check = (present: AssignmentRow | undefined) => {
          if (present === undefined) return
          if (input.replace !== true) throw alreadyAssigned(present)
          requireChange(present, caller)
        }
        check(registry.of(cloud.name, id))
        const { state, name, allowed_actions: allowed = [] } = await readNode(cloud, id)
        if (goneStates.has(state)) {
          throw new ProblemError(
            'invalid_state',
            `${name ?? id} is ${state} and cannot be assigned`,
            {
              state,
              allowed_actions: [...allowed],
              hint: 'Choose another node.'
            }
          )
        }
        const row = toRow(cloud.name, id, input, caller)
        await registry.add(row, check)
        return toAssignment(row, caller)
      },

      async release (cloud, id, { destroy = false }, caller) {
        const present = registry.of(cloud.name, id)
        if (present !== undefined) requireChange(present, caller)
        // A refused destroy releases nothing.
        const started = destroy ? await fastify.nodes.destroy(cloud, id) : null
        if (present === undefined) return { assignment: null, started }
        await registry.remove(present.id, (row) => {
          if (!destroy) requireChange(row, caller)
        })
        return { assignment: toAssignment(present, caller), started }
      },

      of (cloud, node, caller) {
        const row = registry.of(cloud, node)
        return row && toAssignment(row, caller)
      },

      async list ({ limit, cursor, cloud, user, application }, caller) {
        const bound = fingerprint('assignments', cloud, user, application)
        const kept = { store, owner: caller.identity }
        const [after] = cursor === undefined
          ? []
          : (await readCursor(cursor, bound, kept)).after ?? [null]
        if (after !== undefined && typeof after !== 'string') throw foreignCursor()
        const found = registry.all().reverse().filter((row) =>
          maySee(caller, row.cloud) &&
          includes(cloud, row.cloud) && includes(user, row.user) &&
          includes(application, row.application)
        )
        const rest = after === undefined ? found : found.filter(({ id }) => id < after)
        const page = rest.slice(0, limit)
        const next = rest.length > limit
          ? await writeCursor({ query: bound, after: [page.at(-1)!.id] }, kept)
          : null
        return {
          items: page.map((row) => toAssignment(row, caller)),
          next_cursor: next,
          total: found.length
        }
      },

      show,
      showRead: async (cloud, id, read, caller) =>
        show(cloud, [await forgetIfGone(cloud, id, read)], caller)[0]!
    } satisfies Assignments
  )
}, { name: 'assignments', dependencies: ['auth', 'clouds', 'events', 'store'] })
