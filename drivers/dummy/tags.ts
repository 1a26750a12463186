import { field, refuse } from './refusal.ts'

/** Tags of a resource at most. */
export const mostTags = 200

/** Tags after a merge patch. Throws validation_failed where they become too many. */
export function mergeTags (tags: Record<string, string>, patch: Record<string, string | null> | undefined) {
  if (patch === undefined) return tags
  const merged = Object.entries({ ...tags, ...patch }).filter((entry): entry is [string, string] => entry[1] !== null)
  refuse(merged.length > mostTags ? [field('/tags', `must leave ${mostTags} tags at most`)] : [])
  return Object.fromEntries(merged)
}
