import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { pointToField, type FieldRefusal } from '../../common/refusals.ts'
import type { RefusalContext } from '../client/bind.ts'
import { situationOf, type Abilities, type Server } from './node-mapping.ts'

/**
 * Nova's wording of refused fields of a create (`nova/api/openstack/compute/servers.py`); each was
 * observed.
 */
export const createFields: readonly FieldRefusal[] = [
  { pattern: /^An invalid 'name' value/, pointer: '/name' },
  { pattern: /key_name|key pair/i, pointer: '/key_pair_name' },
  { pattern: /availability.zone/i, pointer: '/availability_zone' },
  { pattern: /security.group/i, pointer: '/security_group_ids' },
  { pattern: /user.data/i, pointer: '/user_data' },
  { pattern: /attribute metadata|metadata (item|property|key)/i, pointer: '/tags' },
  { pattern: /volume.type/i, pointer: '/root_volume/type' },
  {
    pattern: /volume_size|block device|root disk|volume is smaller/i,
    pointer: '/root_volume/size'
  },
  { pattern: /flavor|zero disk/i, pointer: '/size_id' },
  { pattern: /image/i, pointer: '/image_id' },
  { pattern: /network|fixed.ip/i, pointer: '/networks' }
]

export const updateFields: readonly FieldRefusal[] = [
  { pattern: /'name' value|attribute name/i, pointer: '/name' },
  { pattern: /attribute metadata/i, pointer: '/tags' }
]

export const imageFields: readonly FieldRefusal[] = [{ pattern: /image/i, pointer: '/image_id' }]

/** Without an image of the request, the node's own image must allow the rescue of a volume. */
export const rescueFields: readonly FieldRefusal[] = [
  { pattern: /Cannot rescue a volume-backed/, pointer: '/image_id' },
  ...imageFields
]

export const sizeFields: readonly FieldRefusal[] = [{ pattern: /flavor/i, pointer: '/size_id' }]

export const nicFields: readonly FieldRefusal[] = [
  { pattern: /fixed ip|ip address/i, pointer: '/fixed_ip' },
  { pattern: /^network|specific network/i, pointer: '/network_id' }
]

/** Nova answers 400, 403 and 409 to fields that do not fit. */
const fieldCodes = new Set<string>([
  'provider_rejected',
  'provider_permission_denied',
  'invalid_state',
  'in_use'
])

/**
 * Makes the function that explains why Nova refused a change. If the message names a field, the
 * result is validation_failed at that field. If the node is in the wrong state, the result has that
 * state and its allowed actions, which takes one more read by `show`.
 */
export function createExplain (show: (id: string, call: Call) => Promise<Server>, can: Abilities) {
  const withState = async (error: ProblemError, id: string, call: Call) => {
    try {
      const { state, actions } = situationOf(await show(id, call), can)
      return error.with({ state, allowed_actions: actions })
    } catch {
      // The refusal stands without the state.
      return error
    }
  }

  return async (error: unknown, { fields, ids: [id], call }: RefusalContext): Promise<unknown> => {
    if (!(error instanceof ProblemError) || !fieldCodes.has(error.code)) return error
    const explained = pointToField(error, fields)
    if (explained !== undefined) return explained
    return error.code === 'invalid_state' && id !== undefined
      ? await withState(error, id, call)
      : error
  }
}
