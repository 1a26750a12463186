import { ProblemError } from '../../../openapi/model/index.ts'

/** A field of a request, and the codes of the cloud where it is that field which it refuses. */
export interface RefusedField {
  code: RegExp
  pointer: string
}

/** Refusals of RunInstances, by Amazon's list of error codes. */
export const createFields: readonly RefusedField[] = [
  { code: /^InvalidAMIID|^InvalidAMI/, pointer: '/image_id' },
  { code: /^InvalidInstanceType|InstanceType/, pointer: '/size_id' },
  { code: /^InvalidKeyPair/, pointer: '/key_pair_name' },
  { code: /^InvalidSubnet|^InvalidVpcID|^InvalidNetworkInterface|^InvalidIPAddress|PrivateIpAddress/, pointer: '/networks' },
  { code: /^InvalidGroup|^InvalidSecurityGroup/, pointer: '/security_group_ids' },
  { code: /^InvalidAvailabilityZone|^InvalidZone/, pointer: '/availability_zone' },
  { code: /^InvalidUserData/, pointer: '/user_data' },
  { code: /BlockDeviceMapping|^InvalidVolume|VolumeSize|VolumeType/, pointer: '/root_volume' },
  { code: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
]

export const imageField: readonly RefusedField[] = [{ code: /^InvalidAMIID/, pointer: '/image_id' }]
export const sizeField: readonly RefusedField[] = [{ code: /^InvalidInstanceType|InstanceType/, pointer: '/size_id' }]

/** What a request may be refused with because of a field. */
const pointable = new Set<string>(['provider_rejected', 'resource_not_found', 'not_supported'])

/** The refusal that points to the field which the cloud's code names; the error as it is where it names none. */
export function explainFields (error: unknown, fields: readonly RefusedField[]): unknown {
  if (!(error instanceof ProblemError) || !pointable.has(error.code)) return error
  const code = error.details.provider_error?.code ?? ''
  const field = fields.find((one) => one.code.test(code))
  return field === undefined ? error : pointTo(field.pointer, error)
}

/** This refusal, at a field. */
export const pointTo = (pointer: string, error: ProblemError) =>
  new ProblemError('validation_failed', `The cloud refused the request: ${error.message}`, {
    ...error.details, errors: [{ in: 'body', pointer, message: error.message }], cause: error
  })

/** Of what hangs on a resource: a refusal that it is not there, as a field of the request. */
export const pointMissing = (error: unknown, pointer: string) =>
  error instanceof ProblemError && error.code === 'resource_not_found' ? pointTo(pointer, error) : error
