import { checkTags } from 'cloud-orchestrator/driver'

/** Labels of the cloud: https://docs.hetzner.cloud/reference/cloud#labels */
const name = '[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?'
const prefix = '[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?/'

const keyPattern = new RegExp(`^(${prefix})?${name}$`)
const valuePattern = new RegExp(`^(${name})?$`)

/**
 * The label that has the id of the operation of a create. Other drivers use `operationKey`, but the keys of this cloud
 * allow no colon.
 */
const operationLabel = 'orchestrator-operation'

/** Characters of the longest value. */
export const maxValue = 63

const rules = {
  key: new RegExp(`^(?!hetzner\\.cloud/|${operationLabel}$)${keyPattern.source.slice(1)}`),
  words: 'letters, digits, ".", "_" and "-", at most 63, after a DNS name and "/" if there is a prefix; ' +
    `hetzner.cloud/ and ${operationLabel} are reserved`,
  value: valuePattern,
  valueWords: 'letters, digits, ".", "_" and "-", at most 63, and a letter or digit at both ends'
}

/** The tags of a resource, without the label of this server. @param {Record<string, string>} labels */
export function toTags ({ [operationLabel]: _, ...tags } = {}) {
  return tags
}

/**
 * The labels of a new resource. Throws validation_failed for tags that the cloud does not accept.
 * @param {Record<string, string> | undefined} tags
 * @param {string} [operation] the id of the operation, by which findCreated finds the resource
 */
export function toLabels (tags, operation) {
  checkTags(tags, rules)
  return { ...tags, ...operation === undefined ? {} : { [operationLabel]: operation } }
}

/**
 * The labels of a resource after a change of its tags: the cloud replaces all labels. A tag that is null is removed.
 * @param {Record<string, string>} labels
 * @param {Record<string, string | null>} tags
 * @returns {Record<string, string>}
 */
export function patchLabels (labels, tags) {
  checkTags(tags, rules)
  const kept = Object.entries({ ...labels, ...tags }).filter(([, value]) => value !== null)
  return /** @type {Record<string, string>} */ (Object.fromEntries(kept))
}

/** The selector of the resources of a lost create. @param {string} operation */
export const createdBy = (operation) => ({ label_selector: `${operationLabel}=${operation}` })

/**
 * Translates filters `tag` (`key=value` or `key`), all of which must match. The server applies them again, so one that
 * no label can match is left out.
 * @param {readonly string[]} tags
 * @returns {{ label_selector?: string }}
 */
export function toSelector (tags = []) {
  const terms = tags.filter((tag) => {
    const [key = '', ...value] = tag.split('=')
    return keyPattern.test(key) && valuePattern.test(value.join('='))
  })
  return terms.length === 0 ? {} : { label_selector: terms.join(',') }
}
