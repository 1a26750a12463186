import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Type, type Static } from 'typebox'
import type { Size } from '../../../openapi/model/index.ts'
import { readSettings } from '../../settings.ts'

/** A file of prices: by location, then by size. */
const Prices = Type.Object({
  as_of: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
  source: Type.String({ minLength: 1 }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  per: Type.Enum(['hour']),
  prices: Type.Record(Type.String(), Type.Record(Type.String(), Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?$' })))
}, { additionalProperties: false })

type Prices = Static<typeof Prices>

/** Reads a file of prices. Throws an Error that names the file and each field that does not fit. */
export function readPrices (file: string): Prices {
  const { settings, errors } = readSettings(Prices, parse(file))
  if (errors.length === 0) return settings as Prices
  const told = errors.slice(0, 5).map(({ path: at, message }) => `${at === '' ? 'the whole' : at} ${message}`).join('; ')
  throw new Error(`prices: ${file}: ${told}`)
}

function parse (file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`prices: ${file} cannot be read as JSON: ${(error as Error).message}`)
  }
}

/** Settings whose `prices` is a whole path, to a file that fits. Throws an Error that says what does not. */
export function resolvePrices (settings: Record<string, unknown>, directory: string): Record<string, unknown> {
  const { prices } = settings
  if (typeof prices !== 'string' || prices === '') return settings
  const file = path.resolve(directory, prices)
  readPrices(file)
  return { ...settings, prices: file }
}

/** Finds the driver's own price table, which is not compiled: beside this folder, or in the source tree above `dist`. */
const findOwnFile = () => ['..', '../../../../drivers/ec2']
  .map((folder) => path.join(import.meta.dirname, folder, 'prices.json'))
  .find((file) => existsSync(file))

/** Tells the price of a size, null where it is not known. The file is read when the first price is asked for. */
export type PriceOf = (location: string, size: string) => Size['price']

let own: Prices | undefined

/** Prices of a file; of Amazon's table where none is given. */
export function createPrices (file?: string): PriceOf {
  let table: Prices | undefined

  const read = () => {
    if (file !== undefined) return readPrices(file)
    own ??= readPrices(findOwnFile() ?? 'drivers/ec2/prices.json')
    return own
  }

  return (location, size) => {
    table ??= read()
    const { as_of: asOf, source, currency, per, prices } = table
    const amount = Object.hasOwn(prices, location) ? prices[location]![size] : undefined
    return amount === undefined ? null : { amount, currency, per, as_of: asOf, source }
  }
}
