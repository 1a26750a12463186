/**
 * The API of this driver for other drivers: clouds that have Nova's API behind another identity
 * service or catalog. They bring a session of their own and make the client and the services with
 * it.
 */
export { hideMissing } from './available-services.ts'
export { bind, type RefusalContext } from './client/bind.ts'
export type { Service } from './client/catalog.ts'
export { createClient, malformed, type Client } from './client/client.ts'
export { problemOf } from './client/errors.ts'
export { createReadService } from './client/read-service.ts'
export { resources } from './client/resources.ts'
export { createAccess, createTokenCache, type Grant, type Session } from './client/token-cache.ts'
export { toFixedAddress } from './compute/addresses.ts'
export { capabilities as keyPairCapabilities, createKeyPairs } from './compute/key-pairs.ts'
export { userDataBytes } from './compute/node-create.ts'
export { createNodes } from './compute/nodes.ts'
export { plainName } from './compute/servers.ts'
export { createSizes } from './compute/sizes.ts'
export { createImageOfNode, type FindImage } from './image/image-of-node.ts'
export {
  fromLimits,
  leaveOut,
  novaLimits,
  novaRows,
  toQuota,
  type Limits,
  type Row
} from './quotas.ts'
export { cinder, cinderV1 } from './storage/cinder.ts'
export { capabilities as cinderSnapshotCapabilities, createSnapshots } from './storage/snapshots.ts'
export { toVolumeType, type CinderType } from './storage/volume-types.ts'
export { createVolumes } from './storage/volumes.ts'
