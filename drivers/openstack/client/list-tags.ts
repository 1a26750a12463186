import { ProblemError, type FieldError } from '../../../openapi/model/index.ts'
import type { TagPatch } from './metadata.ts'
import { operationKey, pointerOf } from '../../tags.ts'

/** The longest tag that any version of Neutron keeps; the cloud may take less, and says so. */
const longest = 255

function fault (key: string, value: string | null): string | undefined {
  if (key === operationKey) return 'is kept by this server and cannot be set'
  if (key === '' || key.includes('=')) return 'has a key that this cloud cannot keep: it must not be empty nor have a = in it'
  if (value !== null && [...`${key}=${value}`].length > longest) return `is longer, with its key, than ${longest} characters, the most that this cloud takes`
  return undefined
}

/** Refuses tags that Neutron's list cannot keep, each by its name. Throws validation_failed. */
export function checkTagList (tags: TagPatch = {}) {
  const errors = Object.entries(tags).flatMap(([key, value]): FieldError[] => {
    const message = fault(key, value)
    return message === undefined ? [] : [{ in: 'body', pointer: pointerOf(key), message }]
  })
  if (errors.length > 0) throw new ProblemError('validation_failed', 'The cloud cannot keep these tags', { errors })
}

const keyOf = (tag: string) => tag.indexOf('=') < 1 ? tag : tag.slice(0, tag.indexOf('='))

/** A merge patch onto a list of tags; those of others stay as they are. */
export function patchTagList (list: readonly string[], patch: TagPatch): string[] {
  const kept = list.filter((tag) => !Object.hasOwn(patch, keyOf(tag)))
  return [...kept, ...Object.entries(patch).flatMap(([key, value]) => value === null ? [] : [`${key}=${value}`])]
}

/** The tags that a filter asks for, as Neutron's parameter: none where it could miss one that is meant. */
export function tagQuery (tags: readonly string[] = []): { tags?: string } {
  const exact = tags.every((tag) => /^[^=,]+=[^,]+$/.test(tag) && !/[\ud800-\udfff]/.test(tag))
  return tags.length > 0 && exact ? { tags: tags.join(',') } : {}
}
