/** The parts of the settings for other drivers. They are apart from public.ts, since every start imports them. */
export { commonOptions } from './compute/node-options.ts'
export { resolvePrices } from './compute/prices.ts'
export { commonSettings, keyFromOriginal, secret } from './settings.ts'
