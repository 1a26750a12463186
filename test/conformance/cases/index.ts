import { networkCases } from './network.ts'
import { nodeCases } from './nodes.ts'
import { storageCases } from './storage.ts'

export { general } from './nodes.ts'
export const cases = { ...storageCases, ...networkCases, ...nodeCases }
