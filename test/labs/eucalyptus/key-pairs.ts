import { createHash, generateKeyPairSync } from 'node:crypto'
import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import type { Actions } from './action.ts'
import type { Cloud } from './state.ts'

/** From Eucalyptus' KeyPairManager; deleting one that is not there is no error. */
export const keyPairActions: Actions = {
  DescribeKeyPairs (cloud, query) {
    const asked = query.list('KeyName')
    for (const name of asked) {
      if (!cloud.keyPairs.has(name)) throw fault('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`)
    }
    const all = [...cloud.keyPairs.values()].filter(({ name }) => !asked.length || asked.includes(name))
    const shown = filtered(cloud, query, all, { 'key-name': key => key.name, fingerprint: key => key.fingerprint })
    return { keySet: shown.map(({ name, fingerprint }) => ({ keyName: name, keyFingerprint: fingerprint })) }
  },

  CreateKeyPair (cloud, query) {
    const name = free(cloud, query.need('KeyName'))
    // Eucalyptus makes 2048 bits; half of them are generated ten times as fast.
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const digest = createHash('sha1').update(privateKey.export({ type: 'pkcs8', format: 'der' })).digest()
    const key = { name, fingerprint: colons(digest) }
    cloud.keyPairs.set(name, key)
    return {
      keyName: name,
      keyFingerprint: key.fingerprint,
      keyMaterial: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    }
  },

  ImportKeyPair (cloud, query) {
    const name = free(cloud, query.need('KeyName'))
    const text = Buffer.from(query.need('PublicKeyMaterial'), 'base64').toString()
    const [, blob] = /^ssh-rsa ([A-Za-z0-9+/]+=*)/.exec(text) ?? []
    if (!blob) throw fault('InvalidKey.Format', 'Key is not in valid OpenSSH public key format')
    const key = { name, fingerprint: colons(createHash('md5').update(Buffer.from(blob, 'base64')).digest()) }
    cloud.keyPairs.set(name, key)
    return { keyName: name, keyFingerprint: key.fingerprint }
  },

  DeleteKeyPair (cloud, query) {
    return { return: cloud.keyPairs.delete(query.need('KeyName')) }
  }
}

function free (cloud: Cloud, name: string): string {
  if (/[^\x20-\x7e]/.test(name)) {
    throw fault('InvalidParameterValue', `Value (${name}) for parameter KeyName is invalid.`)
  }
  if (cloud.keyPairs.has(name)) throw fault('InvalidKeyPair.Duplicate', `The keypair '${name}' already exists.`)
  return name
}

function colons (digest: Buffer): string {
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}
