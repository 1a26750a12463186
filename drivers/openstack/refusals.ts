import { ProblemError, type NodeAction } from '../../openapi/model/index.ts'
import { allowedActions } from '../states.ts'
import { nodeState, specialActions } from './node-states.ts'

/** A field of a request, and what Nova says where it is that field which it refuses. */
export interface RefusedField {
  said: RegExp
  pointer: string
}

/** Refusals of a create, in the words of Nova (`nova/api/openstack/compute/servers.py`; each was provoked). */
export const createFields: readonly RefusedField[] = [
  { said: /^An invalid 'name' value/, pointer: '/name' },
  { said: /key_name|key pair/i, pointer: '/key_pair_name' },
  { said: /availability.zone/i, pointer: '/availability_zone' },
  { said: /security.group/i, pointer: '/security_group_ids' },
  { said: /user.data/i, pointer: '/user_data' },
  { said: /attribute metadata|metadata (item|property|key)/i, pointer: '/tags' },
  { said: /flavor|zero disk/i, pointer: '/size_id' },
  { said: /image/i, pointer: '/image_id' },
  { said: /network|fixed ip/i, pointer: '/networks' }
]

export const imageFields: readonly RefusedField[] = [{ said: /image/i, pointer: '/image_id' }]
export const sizeFields: readonly RefusedField[] = [{ said: /flavor/i, pointer: '/size_id' }]

/**
 * What a change was refused with: where Nova's words name a field, validation_failed that points to it; where they name
 * the state, invalid_state with what that state allows.
 */
export function explainRefusal (error: unknown, fields: readonly RefusedField[], can: ReadonlySet<string>): unknown {
  if (!(error instanceof ProblemError)) return error
  if (error.code === 'invalid_state') return withState(error, can) ?? pointed(error, fields)
  if (error.code === 'provider_rejected' || error.code === 'provider_permission_denied') return pointed(error, fields)
  return error
}

function pointed (error: ProblemError, fields: readonly RefusedField[]) {
  const said = error.details.provider_error?.message ?? ''
  const field = fields.find((one) => one.said.test(said))
  if (field === undefined) return error
  return new ProblemError('validation_failed', `The cloud refused the request: ${said}`, {
    ...error.details, errors: [{ in: 'body', pointer: field.pointer, message: said }], cause: error
  })
}

/** Nova's `vm_state` as the status that it is shown as when nothing is under way. */
const vmStatus: Readonly<Record<string, string>> = {
  active: 'ACTIVE',
  building: 'BUILD',
  paused: 'PAUSED',
  suspended: 'SUSPENDED',
  stopped: 'SHUTOFF',
  rescued: 'RESCUE',
  resized: 'VERIFY_RESIZE',
  'soft-delete': 'SOFT_DELETED',
  deleted: 'DELETED',
  error: 'ERROR',
  shelved: 'SHELVED',
  shelved_offloaded: 'SHELVED_OFFLOADED'
}

/** `Cannot 'stop' instance <id> while it is in vm_state stopped`, or `in task_state deleting`. */
function withState (error: ProblemError, can: ReadonlySet<string>) {
  const said = error.details.provider_error?.message ?? ''
  const [, kind, word] = /while it is in (vm_state|task_state) (\S+)/.exec(said) ?? []
  if (kind === undefined || word === undefined) return undefined
  const status = kind === 'vm_state' ? vmStatus[word] ?? 'UNKNOWN' : 'UNKNOWN'
  const state = nodeState(status, kind === 'task_state' ? word : null)
  if (state === 'unknown') return error
  const special = specialActions({ status, task: null, state, launched: true, volumeBacked: false })
  const actions: NodeAction[] = allowedActions(state, can, special)
  return new ProblemError('invalid_state', said, { ...error.details, state, allowed_actions: actions, cause: error })
}
