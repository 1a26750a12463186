import type { Image as RawImage } from '@aws-sdk/client-ec2'
import type { Image, ImageState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { hasOperationTag, readTags } from '../client/index.ts'

/** States of images. The cloud shows a `deregistered` image only to requests with its id. */
export const imageStates: Readonly<Record<string, ImageState>> = {
  pending: 'pending',
  transient: 'pending',
  available: 'available',
  disabled: 'disabled',
  deregistered: 'deleted',
  invalid: 'error',
  failed: 'error',
  error: 'error'
}

/** Amazon shows the distributions whose licenses it bills. */
const distros: ReadonlyArray<readonly [RegExp, string]> = [
  [/^Red Hat/, 'rhel'],
  [/^SUSE/, 'suse'],
  [/^Ubuntu/, 'ubuntu']
]

function toOs ({ Platform: platform, PlatformDetails: details = '' }: RawImage): Image['os'] {
  const unknown = { distro: null, version: null }
  const isWindows = platform?.toLowerCase() === 'windows' || details.startsWith('Windows')
  if (isWindows) return { family: 'windows', ...unknown }
  if (details === '') return { family: null, ...unknown }
  const [, distro = null] = distros.find(([pattern]) => pattern.test(details)) ?? []
  return { family: 'linux', distro, version: null }
}

const rootDiskOf = ({ BlockDeviceMappings: mappings = [], RootDeviceName: root }: RawImage) =>
  mappings.find(({ DeviceName: device }) => device !== undefined && device === root)?.Ebs

/** Returns the ids of the snapshots of an image. */
export const snapshotsOf = ({ BlockDeviceMappings: mappings = [] }: RawImage): string[] =>
  mappings.flatMap(({ Ebs: disk }) => disk?.SnapshotId ?? [])

/** Whether an image was made from a node. Amazon shows the node; elsewhere the tag of this server is the only sign. */
const isSnapshot = (image: RawImage) =>
  image.SourceInstanceId || hasOperationTag(image) ? true : null

export interface ImageMapping {
  /** The account of the cloud; undefined while it is unknown. */
  account: string | undefined
  /** The values of the filter `owner`. */
  owners?: readonly string[]
  extra: boolean
}

/** Maps an AMI. A private image of another account is shared with this account. */
export function toImage (
  image: RawImage,
  identity: Identity,
  { account, owners, extra }: ImageMapping
): Image {
  const { name, tags } = readTags(image.Tags)
  return {
    // Field by field, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: image.Name ?? name,
    state: imageStates[image.State ?? ''] ?? 'unknown',
    provider_state: image.State ?? null,
    created_at: toTimestamp(image.CreationDate),
    updated_at: null,
    tags,
    min_ram: null,
    min_disk: rootDiskOf(image)?.VolumeSize ?? null,
    size_bytes: null,
    architecture: image.Architecture ?? null,
    os: toOs(image),
    visibility: toVisibility(image, account),
    owner: toOwner(image, owners),
    is_snapshot: isSnapshot(image),
    extra: extra ? { ...image } : undefined
  }
}

/** An owner may have an alias, such as `amazon`. It is shown if the request asks for it, so that the image matches. */
const toOwner = (
  { OwnerId: id, ImageOwnerAlias: alias }: RawImage,
  owners: readonly string[] = []
) => (alias !== undefined && owners.includes(alias) ? alias : id) ?? null

function toVisibility (
  { Public: isPublic, OwnerId: owner }: RawImage,
  account: string | undefined
) {
  if (isPublic === undefined) return null
  if (isPublic) return 'public'
  if (account === undefined) return null
  return owner === account ? 'private' : 'shared'
}

/** The cloud sends the date as text. Eucalyptus leaves it out. */
function toTimestamp (text = ''): string | null {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
