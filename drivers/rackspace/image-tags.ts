import { ProblemError, type FieldError } from '../../openapi/model/index.ts'
import { checkTags, pointerOf, type TagRules } from '../tags.ts'

/**
 * Metadata of an image travels from Nova to Glance as names of HTTP headers: case is lost there, `-` becomes `_`, and a
 * colon ends the name, for which Rackspace's own keys have `__1__`.
 */
const rules: TagRules = { key: /^[a-z0-9_.]{1,255}$/, words: 'lower-case letters, digits and _. up to 255', value: 255 }

/** Where an image carries the id of the operation that made it: the usual key has a colon. */
export const imageOperationKey = 'orchestrator_operation'

/** What Rackspace and Nova themselves write there, and what an image inherits of it. */
const system = new RegExp('^(com\\.rackspace__|org\\.openstack__|instance_type_|rax_|os_|img_|hw_|vm_|xenapi_|clean_|rsync_)|' +
  '^(arch|architecture|auto_disk_config|base_image_ref|cache_in_nova|flavor_classes|image_location|image_state|image_type|' +
  'instance_uuid|kernel_id|min_disk|min_ram|network_allocated|owner_id|passwordless_os_user|ramdisk_id|ssh_user|user_id)$')

const isSystem = (key: string) => system.test(key)

type Metadata = Readonly<Record<string, string>>

/** The metadata of an image that somebody gave it. */
export const toImageTags = (metadata: Metadata): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== imageOperationKey && !isSystem(key)))

/** The raw fields, without the key that is ours. */
export function withoutOperation<T extends { metadata?: Metadata }> (raw: T): Record<string, unknown> {
  const { [imageOperationKey]: operation, ...metadata } = raw.metadata ?? {}
  return operation === undefined ? { ...raw } : { ...raw, metadata }
}

/** Refuses tags that an image cannot keep, or that would tell the cloud something. Throws validation_failed. */
export function checkImageTags (tags: Readonly<Record<string, string | null>> = {}) {
  checkTags(tags, rules)
  const errors = Object.keys(tags).filter((key) => key === imageOperationKey || isSystem(key)).map((key): FieldError =>
    ({ in: 'body', pointer: pointerOf(key), message: 'is kept by the cloud, or by this server, and cannot be set' }))
  if (errors.length > 0) throw new ProblemError('validation_failed', 'These tags cannot be set on an image', { errors })
}
