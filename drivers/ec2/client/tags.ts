import type { ResourceType, Tag, TagSpecification } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { operationKey, toTags, type TagRules } from '../../tags.ts'
import { eventually } from './consistency.ts'
import type { Cloud } from './cloud.ts'

/** Amazon's restrictions on tags: 128 characters and 256, no key that begins with `aws:`; `Name` is the name here. */
export const ec2Tags: TagRules = {
  key: /^(?!aws:)(?!Name$).{1,128}$/su, words: 'up to 128 characters, not beginning with `aws:`; `Name` is set by the name', value: 256
}

/** The tag that is the name. */
const nameKey = 'Name'

/** Name and tags of what the cloud tells. A resource without a tag `Name` has no name. */
export function readTags (list: readonly Tag[] = []): { name: string | null, tags: Record<string, string> } {
  const all: Record<string, string> = {}
  let name: string | null = null
  for (const { Key: key, Value: value = '' } of list) {
    if (key === nameKey) name = value === '' ? null : value
    else if (key !== undefined) all[key] = value
  }
  return { name, tags: toTags(all) }
}

export interface Labels {
  name?: string | undefined
  tags?: Readonly<Record<string, string>> | undefined
  /** Id of the operation that makes it. */
  operation?: string | undefined
}

export const toTagList = ({ name, tags = {}, operation }: Labels): Tag[] => [
  ...(name === undefined ? [] : [{ Key: nameKey, Value: name }]),
  ...Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  ...(operation === undefined ? [] : [{ Key: operationKey, Value: operation }])
]

/** The tags of a create, for each of these kinds; nothing where the cloud takes none with it. */
export function tagSpecifications (
  { dialect }: Cloud, kinds: readonly ResourceType[], labels: Labels
): { TagSpecifications?: TagSpecification[] } {
  const tags = toTagList(labels)
  if (!dialect.tagsOnCreate || tags.length === 0) return {}
  return { TagSpecifications: kinds.map((kind) => ({ ResourceType: kind, Tags: tags })) }
}

/**
 * Sets the tags of what was just made, where the cloud took none with the create. Throws what the cloud says, with the ids
 * of what is there without its tags.
 */
export async function tagCreated (cloud: Cloud, ids: readonly string[], labels: Labels, call: Call): Promise<void> {
  if (cloud.dialect.tagsOnCreate) return
  try {
    await setTags(cloud, ids, toTagList(labels), call)
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    throw new ProblemError(error.code, `${ids.join(', ')} was made, but not its name and tags: ${error.message}`, {
      ...error.details, cause: error, outcomeUnknown: true
    })
  }
}

/** Sets tags of resources that may have been made a moment ago. */
export async function setTags ({ client }: Cloud, ids: readonly string[], tags: Tag[], call: Call): Promise<void> {
  if (tags.length === 0) return
  await eventually(call, () =>
    client.change((sdk) => new sdk.CreateTagsCommand({ Resources: [...ids], Tags: tags }), call, { token: true }))
}

/** Changes tags as a merge patch says: null removes one, those not named stay. */
export async function patchTags (cloud: Cloud, id: string, patch: Readonly<Record<string, string | null>>, call: Call): Promise<void> {
  const entries = Object.entries(patch)
  await setTags(cloud, [id], entries.flatMap(([Key, Value]) => Value === null ? [] : [{ Key, Value }]), call)
  const gone = entries.filter(([, value]) => value === null).map(([Key]) => ({ Key }))
  if (gone.length === 0) return
  await cloud.client.change((sdk) => new sdk.DeleteTagsCommand({ Resources: [id], Tags: gone }), call, { token: true })
}

export const rename = (cloud: Cloud, id: string, name: string, call: Call) => setTags(cloud, [id], [{ Key: nameKey, Value: name }], call)
