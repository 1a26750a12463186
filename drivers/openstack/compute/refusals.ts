import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { situationOf, type Server } from './node-mapping.ts'

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
  { said: /volume.type/i, pointer: '/root_volume/type' },
  { said: /volume_size|block device|root disk|volume is smaller/i, pointer: '/root_volume/size' },
  { said: /flavor|zero disk/i, pointer: '/size_id' },
  { said: /image/i, pointer: '/image_id' },
  { said: /network|fixed.ip/i, pointer: '/networks' }
]

export const imageFields: readonly RefusedField[] = [{ said: /image/i, pointer: '/image_id' }]
export const sizeFields: readonly RefusedField[] = [{ said: /flavor/i, pointer: '/size_id' }]

export interface Refusals {
  /**
   * What a change was refused with: where Nova's words name a field, validation_failed that points to it; where the node
   * (of `id`) is in the wrong state, invalid_state with that state and what it allows, which takes one more read.
   */
  explain (error: unknown, fields: readonly RefusedField[], call: Call, id?: string): Promise<unknown>
}

export interface RefusalsOptions {
  read: (id: string, call: Call) => Promise<Server>
  /** The actions that the driver has. */
  can: ReadonlySet<string>
}

/** Explains what Nova refuses. */
export function createRefusals ({ read, can }: RefusalsOptions): Refusals {
  /** Without the state where it cannot be read: the refusal stands all the same. */
  const withState = async (error: ProblemError, id: string, call: Call) => {
    try {
      const { state, actions } = situationOf(await read(id, call), can)
      return new ProblemError('invalid_state', error.message, { ...error.details, state, allowed_actions: actions, cause: error })
    } catch {
      return error
    }
  }

  return {
    async explain (error, fields, call, id) {
      if (!(error instanceof ProblemError) || !pointable.has(error.code)) return error
      const field = pointed(error, fields)
      if (field !== undefined) return field
      return error.code === 'invalid_state' && id !== undefined ? await withState(error, id, call) : error
    }
  }
}

/** Nova answers 400, 403 and 409 to fields that do not fit. */
const pointable = new Set<string>(['provider_rejected', 'provider_permission_denied', 'invalid_state'])

/** The refusal that points to the field which the cloud's words name; undefined where they name none. */
export function pointed (error: ProblemError, fields: readonly RefusedField[]) {
  const said = error.details.provider_error?.message ?? ''
  const field = fields.find((one) => one.said.test(said))
  if (field === undefined) return undefined
  return new ProblemError('validation_failed', `The cloud refused the request: ${said}`, {
    ...error.details, errors: [{ in: 'body', pointer: field.pointer, message: said }], cause: error
  })
}
