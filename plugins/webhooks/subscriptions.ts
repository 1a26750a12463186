import { v5 as namedUuid } from '#uuid'
import type { Settings } from '../../config/index.ts'
import { localCaller, toCallerRef } from '../auth/caller.ts'
import type { Store } from '../store/tables.ts'
import type { Registry } from './registry.ts'

/** The namespace of the ids of the webhooks in the settings, which are made of their names. */
const namespace = '0b4c5a3e-6f0e-4c11-9d6a-5f6e3f0d7a54'

/**
 * Brings the webhooks of the settings into the store, and removes those that are no longer there. New ones begin at a
 * position. Throws store_unavailable.
 */
export async function syncSubscriptions (
  subscriptions: Settings['webhooks']['subscriptions'],
  { store, registry, position }: { store: Store, registry: Registry, position: string }
): Promise<void> {
  const wanted = subscriptions.map(({ name, url, secret, format, ...filter }) => ({
    id: namedUuid(name, namespace), url, secret, format, filter
  }))
  const present = await store.selectFrom('webhooks').select(['id', 'created_at'])
    .where('origin', '=', 'settings').execute()
  for (const { id } of present) {
    if (!wanted.some((one) => one.id === id)) {
      await store.deleteFrom('webhooks').where('id', '=', id).execute()
    }
  }
  for (const one of wanted) {
    await registry.write({
      ...one,
      paused: null,
      origin: 'settings',
      owner: localCaller.identity,
      owned_by: toCallerRef(localCaller),
      claims: null,
      position,
      created_at: present.find(({ id }) => id === one.id)?.created_at ?? new Date().toISOString()
    })
  }
}
