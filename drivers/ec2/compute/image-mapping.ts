import type { Image as Ami } from '@aws-sdk/client-ec2'
import type { Image, ImageState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { operationKey } from '../../tags.ts'
import { readTags } from '../client/tags.ts'

/** States of images by Amazon's API; `deregistered` is shown to those who ask by id. */
const states: Readonly<Record<string, ImageState>> = {
  pending: 'pending',
  transient: 'pending',
  available: 'available',
  disabled: 'disabled',
  deregistered: 'deleted',
  invalid: 'error',
  failed: 'error',
  error: 'error'
}

export const statusesOf = (state: string) => {
  const found = Object.entries(states).filter(([, ours]) => ours === state).map(([theirs]) => theirs)
  return found.length === 0 ? undefined : found
}

/** The distributions whose licences Amazon bills, which is why it tells them. */
const distros: ReadonlyArray<readonly [RegExp, string]> = [[/^Red Hat/, 'rhel'], [/^SUSE/, 'suse'], [/^Ubuntu/, 'ubuntu']]

function osOf ({ Platform: platform, PlatformDetails: details }: Ami): Image['os'] {
  const nothing = { distro: null, version: null }
  if (platform?.toLowerCase() === 'windows' || details?.startsWith('Windows') === true) return { family: 'windows', ...nothing }
  if (details === undefined || details === '') return { family: null, ...nothing }
  return { family: 'linux', distro: distros.find(([pattern]) => pattern.test(details))?.[1] ?? null, version: null }
}

const rootOf = ({ BlockDeviceMappings: mappings = [], RootDeviceName: root }: Ami) =>
  mappings.find(({ DeviceName: device }) => device !== undefined && device === root)?.Ebs

/** The snapshots that an image consists of. */
export const snapshotsOf = ({ BlockDeviceMappings: mappings = [] }: Ami): string[] =>
  mappings.flatMap(({ Ebs: ebs }) => ebs?.SnapshotId ?? [])

/** Amazon names the node that an image was made from; of other clouds' images, those that were made here are known. */
const isOfNode = ({ SourceInstanceId: node, Tags: tags = [] }: Ami) =>
  (node !== undefined && node !== '') || tags.some(({ Key: key }) => key === operationKey) ? true : null

export interface ImageMapping {
  /** The account of the cloud; undefined where it is not known yet. */
  account: string | undefined
  extra: boolean
}

/** An AMI as an image. One of another account that is not public is shared with this one. */
export function toImage (image: Ami, identity: Identity, { account, extra }: ImageMapping): Image {
  const { name, tags } = readTags(image.Tags)
  const state = states[image.State ?? ''] ?? 'unknown'
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: image.Name ?? name,
    state,
    provider_state: image.State ?? null,
    created_at: toTimestamp(image.CreationDate),
    updated_at: null,
    tags,
    min_ram: null,
    min_disk: rootOf(image)?.VolumeSize ?? null,
    size_bytes: null,
    architecture: image.Architecture ?? null,
    os: osOf(image),
    visibility: visibilityOf(image, account),
    owner: image.OwnerId ?? null,
    is_snapshot: isOfNode(image),
    ...(extra ? { extra: { ...image } } : {})
  }
}

function visibilityOf ({ Public: open, OwnerId: owner }: Ami, account: string | undefined): Image['visibility'] {
  if (open === undefined) return null
  if (open) return 'public'
  return account === undefined ? null : owner === account ? 'private' : 'shared'
}

/** The date comes as text, which Eucalyptus leaves out. */
function toTimestamp (text: string | undefined): string | null {
  const date = new Date(text ?? '')
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
