import type { Dialect } from '../ec2/public.ts'

/** What of Amazon's protocol Eucalyptus 4 has not. */
export const dialect: Dialect = {
  driver: 'eucalyptus',
  tagsOnCreate: false,
  paged: false,
  volumeTokens: false,
  ruleIds: false,
  keyTypes: false,
  volumeChanges: false
}
