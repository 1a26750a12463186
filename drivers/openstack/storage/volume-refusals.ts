import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { pointed, type RefusedField } from '../compute/refusals.ts'
import { nodesOf, type CinderVolume } from './volume-mapping.ts'
import { snapshotState, volumeState } from './volume-states.ts'

/** Refusals of a create, in the words of Cinder (each was provoked): sizes first, whose words name the others too. */
export const volumeFields: readonly RefusedField[] = [
  { said: /volume size|minDisk|attribute size|^'size'/i, pointer: '/size' },
  { said: /volume.type/i, pointer: '/type' },
  { said: /availability.zone/i, pointer: '/availability_zone' },
  { said: /snapshot/i, pointer: '/snapshot_id' },
  { said: /image/i, pointer: '/image_id' },
  { said: /metadata/i, pointer: '/tags' },
  { said: /attribute name|: name has/i, pointer: '/name' }
]

export const sizeFields: readonly RefusedField[] = [{ said: /new size|new_size/i, pointer: '/size' }]
export const updateFields: readonly RefusedField[] = [
  { said: /metadata/i, pointer: '/tags' }, { said: /attribute name|: name has/i, pointer: '/name' }
]
/** Nova's words: it is asked for attachments. */
export const attachFields: readonly RefusedField[] = [
  { said: /device/i, pointer: '/device' }, { said: /^instance .* (could not be|not) found/i, pointer: '/node_id' }
]

/** What says that it is the state of a volume, or of a snapshot, that forbids it. */
const ofState = /^invalid (volume|snapshot)|status must be/i

/** What a change was refused with, where it is a field of the request: validation_failed that points to it. */
export function explainFields (error: unknown, fields: readonly RefusedField[]): unknown {
  if (!(error instanceof ProblemError)) return error
  // Cinder answers 404 to a type or a snapshot that is not there.
  if (error.code !== 'provider_rejected' && error.code !== 'resource_not_found') return error
  return pointed(error, fields) ?? error
}

const isOfState = (error: unknown): error is ProblemError => error instanceof ProblemError &&
  (error.code === 'provider_rejected' || error.code === 'invalid_state') && ofState.test(error.details.provider_error?.message ?? '')

/** The same error with what the volume shows; without it where it cannot be read: the refusal stands all the same. */
export async function explainVolume (
  error: unknown, fields: readonly RefusedField[], read: (call: Call) => Promise<CinderVolume>, call: Call
): Promise<unknown> {
  const explained = explainFields(error, fields)
  if (explained !== error || !isOfState(error)) return explained
  try {
    const volume = await read(call)
    const state = volumeState(volume.status)
    const { message, details } = error
    if (nodesOf(volume).length > 0) return new ProblemError('in_use', message, { ...details, state, cause: error, hint: 'Detach it first.' })
    if (state !== 'available') return new ProblemError('invalid_state', message, { ...details, ...stateless, state, cause: error })
    return new ProblemError('in_use', message, { ...details, state, cause: error, hint: 'Delete its snapshots first.' })
  } catch {
    return new ProblemError('invalid_state', error.message, { ...error.details, ...stateless, cause: error })
  }
}

/** The same of a snapshot. */
export async function explainSnapshot (error: unknown, fields: readonly RefusedField[], read: () => Promise<{ status: string }>) {
  const explained = explainFields(error, fields)
  if (explained !== error || !isOfState(error)) return explained
  const problem = (more: object) => new ProblemError('invalid_state', error.message, { ...error.details, ...stateless, ...more, cause: error })
  try {
    return problem({ state: snapshotState((await read()).status) })
  } catch {
    return problem({})
  }
}

/** What is not a node has no `allowed_actions` that the hint of the catalogue could speak of. */
const stateless = { hint: 'Wait until it is available, then try again.' }
