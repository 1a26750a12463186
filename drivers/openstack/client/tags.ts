import type { TagRules } from '../../tags.ts'

/** What Nova accepts as a metadata key (`nova/api/validation/parameter_types.py`); a value has at most 255 characters. */
export const novaTags: TagRules = { key: /^[a-zA-Z0-9\-_:. ]{1,255}$/, words: 'letters, digits and -_:. up to 255', value: 255 }

/** Cinder takes any key. */
export const cinderTags: TagRules = { key: /^.{1,255}$/su, words: 'up to 255 characters', value: 255 }

/** Glance keeps tags as a list: `key=value`, or a word that others have put there. */
export function fromTagList (list: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(list.map((tag) => {
    const at = tag.indexOf('=')
    return at < 1 ? [tag, ''] : [tag.slice(0, at), tag.slice(at + 1)]
  }))
}
