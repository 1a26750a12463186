import { operationKey, rejectTags, type TagRules } from '../../common/tags.ts'
import type { TagPatch } from './metadata.ts'

/** Characters of the value of a tag, in Nova, Neutron, Cinder and Glance. */
export const tagLimits = { tag_characters: 255 }

/** Nova's rules for a metadata key (`nova/api/validation/parameter_types.py`). */
export const novaTags: TagRules = {
  key: /^[a-zA-Z0-9\-_:. ]{1,255}$/,
  words: 'letters, digits and -_:. up to 255'
}

/** Cinder's rules for a metadata key (`cinder/api/validation/parameter_types.py`, `extra_specs`). */
export const cinderTags: TagRules = {
  key: /^[a-zA-Z0-9\-_:. /]{1,255}$/,
  words: 'letters, digits and -_:./ up to 255'
}

/**
 * Converts a tag list of Glance or Neutron: `key=value`, or a word that another client has set. If several tags have
 * the same key, all but the first are shown as words: `{ env: 'a', 'env=b': '' }`.
 */
export function fromTagList (list: readonly string[] = []): Record<string, string> {
  const keys = new Set<string>()
  return Object.fromEntries(list.map((tag) => {
    const key = keyOf(tag)
    if (keys.has(key)) return [tag, '']
    keys.add(key)
    return [key, tag.slice(key.length + 1)]
  }))
}

const keyOf = (tag: string) => tag.indexOf('=') < 1 ? tag : tag.slice(0, tag.indexOf('='))

/** The longest tag of any version of Neutron. A cloud that accepts less answers with an error. */
const maxLength = 255

function faultOf (key: string, value: string | null): string | undefined {
  if (key === operationKey) return 'is kept by this server and cannot be set'
  // A tag that is shown as a word, because an earlier one has its key, can be removed.
  if (key === '' || (value !== null && key.includes('='))) {
    return 'has a key that this cloud does not accept: it is empty or contains a ='
  }
  if (value !== null && [...`${key}=${value}`].length > maxLength) {
    return `is, with its key, longer than the ${maxLength} characters that this cloud accepts`
  }
  return undefined
}

/** Refuses tags that Neutron's list cannot hold. Throws validation_failed at each of them. */
export const checkTagList = (tags?: TagPatch) => rejectTags(tags, faultOf)

/** Applies a merge patch to a tag list. Tags that the patch does not name stay as they are. */
export function patchTagList (list: readonly string[], patch: TagPatch): string[] {
  const others = list.filter((tag) =>
    !Object.hasOwn(patch, keyOf(tag)) && !Object.hasOwn(patch, tag)
  )
  const set = Object.entries(patch).filter(([, value]) => value !== null)
  return [...others, ...set.map(([key, value]) => `${key}=${value}`)]
}

/** Translates a filter of tags; returns no parameter if Neutron could miss a tag that matches. */
export function tagQuery (tags: readonly string[] = []): { tags?: string } {
  const isExact = tags.every((tag) => /^[^=,]+=[^,]+$/.test(tag) && !/[\ud800-\udfff]/.test(tag))
  return tags.length > 0 && isExact ? { tags: tags.join(',') } : {}
}
