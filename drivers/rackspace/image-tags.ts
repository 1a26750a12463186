import { checkTags, rejectTags, type TagRules } from '../common/tags.ts'

/**
 * Nova passes the metadata of an image to Glance as names of HTTP headers. Case is lost, `-`
 * becomes `_`, and a colon ends the name; Rackspace's own keys have `__1__` for it.
 */
const rules: TagRules = {
  key: /^[a-z0-9_.]{1,255}$/,
  words: 'lower-case letters, digits and _. up to 255'
}

/** The key of the operation that made an image. The usual key has a colon. */
export const imageOperationKey = 'orchestrator_operation'

/** Prefixes and keys that Rackspace and Nova write, and that an image inherits. */
const systemPrefixes = [
  'com.rackspace__',
  'org.openstack__',
  'instance_type_',
  'rax_',
  'os_',
  'img_',
  'hw_',
  'vm_',
  'xenapi_',
  'clean_',
  'rsync_'
]
const systemKeys = new Set([
  'arch',
  'architecture',
  'auto_disk_config',
  'base_image_ref',
  'cache_in_nova',
  'flavor_classes',
  'image_location',
  'image_state',
  'image_type',
  'instance_uuid',
  'kernel_id',
  'min_disk',
  'min_ram',
  'network_allocated',
  'owner_id',
  'passwordless_os_user',
  'ramdisk_id',
  'ssh_user',
  'user_id'
])

const isReserved = (key: string) =>
  key === imageOperationKey || systemKeys.has(key) ||
  systemPrefixes.some((prefix) => key.startsWith(prefix))

type Metadata = Readonly<Record<string, string>>

/** Picks the metadata that users have set. */
export const toImageTags = (metadata: Metadata): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => !isReserved(key)))

/** The raw fields without our operation key. */
export function withoutOperation<T extends { metadata?: Metadata }> (
  raw: T
): Record<string, unknown> {
  const { [imageOperationKey]: operation, ...metadata } = raw.metadata ?? {}
  return operation === undefined ? { ...raw } : { ...raw, metadata }
}

/**
 * Refuses tags that an image cannot keep, or that have a meaning for the cloud. Throws
 * validation_failed.
 */
export function checkImageTags (tags?: Readonly<Record<string, string | null>>) {
  checkTags(tags, rules)
  rejectTags(
    tags,
    (key) =>
      isReserved(key) ? 'is kept by the cloud, or by this server, and cannot be set' : undefined
  )
}
