/**
 * The names of the jobs of this version. `orchestrator store migrate` makes their tables, so that the servers need no
 * right to make any.
 */
export const jobNames = [
  'assignment-expiry',
  'assignment-expiry-look',
  'assignment-sweep',
  'audit-purge',
  'events-purge',
  'purge',
  'webhook',
  'webhook-look',
  'webhook-purge'
] as const
