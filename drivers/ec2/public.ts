/** The parts for other drivers whose clouds speak a dialect of Amazon's protocol. */
export { createClient, type Client } from './client/client.ts'
export type { Cloud, Dialect } from './client/cloud.ts'
export { malformed } from './client/errors.ts'
export { toCommonParameters } from './compute/node-options.ts'
export { createPrices, type PriceOf } from './compute/prices.ts'
export { createCloud, createConnection, ids } from './connection.ts'
