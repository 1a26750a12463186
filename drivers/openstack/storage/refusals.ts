import { ProblemError } from '../../../openapi/model/index.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { attachedNodes, snapshotState, volumeState, type CinderVolume } from './mapping.ts'

/**
 * Cinder's wording of refused fields of a create; each was observed. Size comes first, because its
 * messages name other fields too.
 */
export const volumeFields: readonly FieldRefusal[] = [
  { pattern: /volume size|minDisk|attribute size|^'size'/i, pointer: '/size' },
  { pattern: /volume.type/i, pointer: '/type' },
  { pattern: /availability.zone/i, pointer: '/availability_zone' },
  { pattern: /snapshot/i, pointer: '/snapshot_id' },
  { pattern: /image/i, pointer: '/image_id' },
  { pattern: /metadata/i, pointer: '/tags' },
  { pattern: /attribute name|: name has/i, pointer: '/name' }
]

export const updateFields: readonly FieldRefusal[] = [
  { pattern: /metadata/i, pointer: '/tags' },
  { pattern: /attribute name|: name has/i, pointer: '/name' }
]

export const snapshotFields: readonly FieldRefusal[] = [
  { pattern: /^volume .* could not be found|volume_id/i, pointer: '/volume_id' },
  ...updateFields
]

export const sizeFields: readonly FieldRefusal[] = [{
  pattern: /new size|new_size/i,
  pointer: '/size'
}]

/** Nova's wording, since Nova attaches volumes. */
export const attachFields: readonly FieldRefusal[] = [
  { pattern: /device/i, pointer: '/device' },
  { pattern: /^instance .* (could not be|not) found/i, pointer: '/node_id' }
]

/** The wording of a refusal because of the state of a volume or a snapshot. */
const statePattern = /^invalid (volume|snapshot)|status must be/i

/** The hint of the catalogue mentions `allowed_actions`, which only nodes have. */
const stateHint = 'Wait until it is available, then try again.'

const isStateRefusal = (error: unknown): error is ProblemError =>
  error instanceof ProblemError &&
  (error.code === 'provider_rejected' || error.code === 'invalid_state') &&
  statePattern.test(error.details.provider_error?.message ?? '')

/**
 * Explains a refusal by the state of the resource, which `toProblem` reads. If that read fails, the
 * refusal is an invalid_state without a state.
 */
async function explainState (
  error: unknown,
  toProblem: (error: ProblemError) => Promise<ProblemError>
) {
  if (!isStateRefusal(error)) return error
  try {
    return await toProblem(error)
  } catch {
    return error.with({ code: 'invalid_state', hint: stateHint })
  }
}

/** Explains a refusal by the state of a volume, which `read` reads. */
export const explainVolume = (
  error: unknown,
  read: () => Promise<CinderVolume>
): Promise<unknown> =>
  explainState(error, async (refusal) => {
    const volume = await read()
    const state = volumeState(volume.status)
    if (attachedNodes(volume).length > 0) {
      return refusal.with({ code: 'in_use', state, hint: 'Detach it first.' })
    }
    if (state !== 'available') {
      return refusal.with({ code: 'invalid_state', state, hint: stateHint })
    }
    return refusal.with({ code: 'in_use', state, hint: 'Delete its snapshots first.' })
  })

/** Explains a refusal by the state of a snapshot, or of its volume, which `read` reads. */
export const explainSnapshot = (
  error: unknown,
  read: () => Promise<{ status: string }>
): Promise<unknown> =>
  explainState(error, async (refusal) => {
    const { status } = await read()
    return refusal.with({ code: 'invalid_state', hint: stateHint, state: snapshotState(status) })
  })
