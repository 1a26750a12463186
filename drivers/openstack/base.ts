/**
 * What other drivers may build on: clouds that speak Nova's API behind another identity service or catalog. They bring a
 * session of their own, and make client and services with it.
 */
export { toToken, type Access, type Session } from './access.ts'
export { createClient, encodeId, type Client, type ClientOptions, type Send } from './client.ts'
export type { Service } from './catalog.ts'
export { problemOf } from './errors.ts'
export { createFlight } from '../flight.ts'
export { toNode, type NodeMapping, type Server } from './node-mapping.ts'
export { createNodes, type NodesOptions } from './nodes.ts'
export { readFrom } from './paging.ts'
export { resources } from './resources.ts'
export { createSizes, toSize, type Flavor } from './sizes.ts'
