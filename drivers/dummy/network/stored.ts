import { Type, type Static } from 'typebox'
import { stillRecord } from '../record.ts'

export type StoredKeyPair = Static<typeof StoredKeyPair>
/** A key pair: its name is its id, and the private key is not kept. */
export const StoredKeyPair = stillRecord({ type: Type.String(), fingerprint: Type.String(), public_key: Type.String() })
