import { toTags } from './labels.js'
import { readService, toName } from './service.js'

/** @type {import('./service.js').Details<import('cloud-orchestrator/driver').KeyPairService>} */
export const keyPairDetails = {
  list: { filters: ['name'] },
  // The cloud makes no key pairs.
  create: { parameters: ['name', 'public_key'], required: ['public_key'] }
}

/**
 * The id of a key pair is its name, which is unique in a project.
 * @param {import('./service.js').Cloud} cloud
 * @returns {import('cloud-orchestrator/driver').KeyPairService}
 */
export function createKeyPairs ({ client, context: { identify } }) {
  /** @param {any} raw @param {boolean} extra @returns {import('cloud-orchestrator/driver').KeyPair} */
  const toKeyPair = (raw, extra) => ({
    ...identify('key_pairs', raw.name, null),
    name: raw.name,
    state: 'available',
    provider_state: null,
    created_at: raw.created,
    updated_at: null,
    tags: toTags(raw.labels),
    fingerprint: raw.fingerprint,
    type: raw.public_key.split(' ')[0].replace(/^ssh-/, ''),
    public_key: raw.public_key,
    ...extra ? { extra: raw } : {}
  })
  const { find, list, get } = readService(client, {
    path: '/ssh_keys', key: 'ssh_key', byName: true, toFilters: ({ name }) => toName(name), toResource: toKeyPair
  })
  return {
    list,
    get,
    async create ({ name, public_key: key }, call) {
      const { ssh_key: raw } = await client.send('POST', '/ssh_keys', call, {
        body: { name, public_key: key }, fields: { name: '/name', public_key: '/public_key' }
      })
      return toKeyPair(raw, false)
    },
    async destroy (id, call) {
      await client.send('DELETE', `/ssh_keys/${(await find(id, call)).id}`, call)
    }
  }
}
