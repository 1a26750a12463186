import type { Filter, Image as Ami } from '@aws-sdk/client-ec2'
import type { Filters } from '../../driver.ts'

/** Images of others that a list shows beside the own. */
export interface RecommendedImages {
  /** Account, or an alias as `amazon`. */
  owner: string
  /** Pattern of the name, with `*` and `?`. */
  name: string
}

/** What a list shows beside the own images: some, or all that there are. */
export type Recommended = readonly RecommendedImages[] | 'all'

/** The publishers' own accounts: Amazon Linux, Debian (wiki.debian.org/Cloud/AmazonEC2Image), Ubuntu (documentation.ubuntu.com/aws). */
export const recommended: readonly RecommendedImages[] = [
  { owner: '137112412989', name: 'al2023-ami-2023*' },
  { owner: '136693071363', name: 'debian-12-*' },
  { owner: '099720109477', name: 'ubuntu/images/hvm-ssd*/ubuntu-*-24.04-*-server-*' }
]

/** One list of the cloud, of those that follow each other in a list of ours. */
export interface ImageSource {
  Owners?: string[]
  /** Pattern of the name. */
  name?: string
}

const ownSource: ImageSource = { Owners: ['self'] }

/**
 * The lists that a list consists of: the own images and the recommended ones; with `owner` those of the accounts it names, of
 * which `all` is everybody.
 */
export function sourcesOf (owners: Filters[string] | undefined, recommended: Recommended): ImageSource[] {
  if (owners === undefined || owners.length === 0) {
    if (recommended === 'all') return [{}]
    const others = recommended.filter(({ owner }) => owner !== 'self').map(({ owner, name }) => ({ Owners: [owner], name }))
    return [ownSource, ...others]
  }
  return owners.includes('all') ? [{}] : [{ Owners: [...new Set(owners)] }]
}

/** The source's parameters, with the filters of the request. */
export function queryOf ({ Owners: owners, name }: ImageSource, filters: readonly Filter[] = []) {
  // Two filters of one name are not said to be both.
  const own = name === undefined ? [...filters] : [...filters.filter(({ Name: one }) => one !== 'name'), { Name: 'name', Values: [name] }]
  return { ...(owners === undefined ? {} : { Owners: owners }), ...(own.length === 0 ? {} : { Filters: own }) }
}

const special = /[.*+?^${}()|[\]\\]/g
const toPattern = (name: string) =>
  new RegExp(`^${name.replace(special, '\\$&').replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`, 's')

/** Whether a source of the list before this one has shown the image. `account` is the own one, where it is known. */
export function isShown ({ OwnerId: owner, ImageOwnerAlias: alias, Name: name = '' }: Ami, before: readonly ImageSource[], account: string | undefined) {
  return before.some(({ Owners: owners = [], name: pattern }) => {
    const isOf = owners.some((one) => one === owner || one === alias || (one === 'self' && account !== undefined && owner === account))
    return isOf && (pattern === undefined || toPattern(pattern).test(name))
  })
}

/** Where a list goes on: the source, and the cloud's token in it. */
export interface ImagePlace {
  index: number
  token: string | null
}

export function readPlace (token: string | null): ImagePlace {
  const [, index, own] = /^(\d+)(?: (.+))?$/s.exec(token ?? '0') ?? ['', '0']
  return { index: Number(index), token: own ?? null }
}

/** The place after a page: within the source where the cloud has a token, then in the next one; null ends the list. */
export function nextPlace ({ index }: ImagePlace, token: string | null, sources: number): string | null {
  if (token !== null) return `${index} ${token}`
  return index + 1 < sources ? String(index + 1) : null
}
