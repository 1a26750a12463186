import type { Filter, Image as RawImage } from '@aws-sdk/client-ec2'
import type { Filters } from '../../driver.ts'

/** Images of another account that a list includes. */
export interface RecommendedImages {
  /** Account, or an alias such as `amazon`. */
  owner: string
  /** Pattern of the name, with `*` and `?`. */
  name: string
}

/** The images that a list includes beside those of the account. */
export type Recommended = readonly RecommendedImages[] | 'all'

/**
 * The accounts of the publishers: Amazon Linux, Debian (wiki.debian.org/Cloud/AmazonEC2Image), Ubuntu
 * (documentation.ubuntu.com/aws).
 */
export const defaultRecommended: readonly RecommendedImages[] = [
  { owner: '137112412989', name: 'al2023-ami-2023*' },
  { owner: '136693071363', name: 'debian-12-*' },
  { owner: '099720109477', name: 'ubuntu/images/hvm-ssd*/ubuntu-*-24.04-*-server-*' }
]

/** One list of the cloud. A list of the API consists of several, one after the other. */
export interface ImageSource {
  Owners?: string[]
  /** Pattern of the name. */
  name?: string
}

const ownSource: ImageSource = { Owners: ['self'] }

export const isOwnSource = ({ Owners: owners = [] }: ImageSource) =>
  owners.length === 1 && owners[0] === 'self'

/**
 * Returns the sources of a list: the images of the account and the recommended ones, or, with the filter `owner`, those
 * of the named accounts. `all` stands for all accounts.
 */
export function sourcesOf (owners: Filters[string] = [], recommended: Recommended): ImageSource[] {
  if (owners.length > 0) return owners.includes('all') ? [{}] : [{ Owners: [...new Set(owners)] }]
  if (recommended === 'all') return [{}]
  const others = recommended
    .filter(({ owner }) => owner !== 'self')
    .map(({ owner, name }) => ({ Owners: [owner], name }))
  return [ownSource, ...others]
}

/** Returns the parameters of a source, with the filters of the request. */
export function toSourceParameters ({ Owners, name }: ImageSource, filters: readonly Filter[]) {
  if (name === undefined) return { Owners, Filters: [...filters] }
  // Amazon does not document the meaning of two filters with the same name.
  const others = filters.filter(({ Name: filter }) => filter !== 'name')
  return { Owners, Filters: [...others, { Name: 'name', Values: [name] }] }
}

const specialCharacters = /[.*+?^${}()|[\]\\]/g

function toNamePattern (name: string) {
  const escaped = name.replace(specialCharacters, '\\$&')
  return new RegExp(`^${escaped.replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`, 's')
}

/** Whether one of these sources contains the image. `account` is the account of the cloud, if it is known. */
export function isInSources (
  image: RawImage,
  sources: readonly ImageSource[],
  account: string | undefined
) {
  const { OwnerId: owner, ImageOwnerAlias: alias, Name: name = '' } = image
  const isOwn = account !== undefined && owner === account
  const isOwner = (other: string) =>
    other === owner || other === alias || (other === 'self' && isOwn)
  return sources.some(({ Owners: owners = [], name: pattern }) =>
    owners.some(isOwner) && (pattern === undefined || toNamePattern(pattern).test(name))
  )
}

/** A position in a list: the source, and the cloud's token in it. */
export interface ImagePosition {
  index: number
  token: string | null
}

export function parsePosition (position: string | null): ImagePosition {
  const [, index = '0', token = null] = /^(\d+)(?: (.+))?$/s.exec(position ?? '') ?? []
  return { index: Number(index), token }
}

/** Returns the position after a page: in the same source, or in the next one; null at the end of the list. */
export function toNextPosition (
  { index }: ImagePosition,
  token: string | null,
  sourceCount: number
): string | null {
  if (token !== null) return `${index} ${token}`
  return index + 1 < sourceCount ? String(index + 1) : null
}
