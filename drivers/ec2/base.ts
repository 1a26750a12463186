/** What other drivers may build on: clouds that speak Amazon's protocol in a dialect of their own. */
export { createClient, type Client } from './client.ts'
export type { Cloud, Dialect } from './cloud.ts'
export { ids, makeConnection } from './connection.ts'
export { malformed } from './errors.ts'
export { nodeDetails } from './capabilities.ts'
export { createNodes } from './nodes.ts'
export { common, fromOriginal, secret } from './settings.ts'
