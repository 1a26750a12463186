import { existsSync, readFileSync } from 'node:fs'
import { Type, type Static } from '#typebox'
import type { Size } from '../../../openapi/model/index.ts'
import { readSettings } from '../../settings.ts'
import path from 'node:path'

/** A file of prices, by location and size. */
const Prices = Type.Object({
  as_of: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
  source: Type.String({ minLength: 1 }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  per: Type.Enum(['hour']),
  prices: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?$' }))
  )
}, { additionalProperties: false })

type Prices = Static<typeof Prices>

/** Number of wrong fields that an error names. */
const maxErrors = 5

/** Reads a file of prices. Throws an Error that names the file and the wrong fields. */
export function readPrices (file: string): Prices {
  const { settings, errors } = readSettings(Prices, parseFile(file))
  if (errors.length === 0) return settings as Prices
  const messages = errors.slice(0, maxErrors).map(({ path: field, message }) =>
    `${field || 'the content'} ${message}`
  )
  throw new Error(`prices: ${file}: ${messages.join('; ')}`)
}

function parseFile (file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`prices: ${file} cannot be read as JSON: ${(error as Error).message}`)
  }
}

/** Makes the path in `prices` absolute. Throws an Error if the file is not a valid file of prices. */
export function resolvePrices (settings: Record<string, unknown>, directory: string) {
  const { prices } = settings
  if (typeof prices !== 'string' || prices === '') return settings
  const file = path.resolve(directory, prices)
  readPrices(file)
  return { ...settings, prices: file }
}

/**
 * Finds the driver's own price table. The build does not copy it: it is in the driver's folder, or in the source tree
 * above `dist`.
 */
const findOwnFile = () =>
  ['..', '../../../../drivers/ec2']
    .map((folder) => path.join(import.meta.dirname, folder, 'prices.json'))
    .find((file) => existsSync(file))

/** Returns the price of a size; null if it is unknown. The first call reads the file. */
export type PriceOf = (location: string, size: string) => Size['price']

let ownTable: Prices | undefined

/** Creates the prices of a file, or of the driver's own table. */
export function createPrices (file?: string): PriceOf {
  let table: Prices | undefined

  const readTable = () => {
    if (file !== undefined) return readPrices(file)
    ownTable ??= readPrices(findOwnFile() ?? 'drivers/ec2/prices.json')
    return ownTable
  }

  return (location, size) => {
    table ??= readTable()
    const { as_of: asOf, source, currency, per, prices } = table
    const amount = Object.hasOwn(prices, location) ? prices[location]![size] : undefined
    return amount === undefined ? null : { amount, currency, per, as_of: asOf, source }
  }
}
