import fp from 'fastify-plugin'
import type { TObject } from 'typebox'
import type { DriverPlugin } from '../drivers/driver.ts'
import { models } from '../openapi/model/index.ts'

const pascal = (name: string) => name.replaceAll(/(?:^|[-_])([a-z])/g, (_, letter: string) => letter.toUpperCase())

/**
 * Registers the models, so that routes can refer to them and the document names them. `ProviderOptions` is composed of
 * what all drivers can do, not those in use: the document must not depend on the farm.
 */
export default fp(async (fastify, { drivers }: { drivers: ReadonlyMap<string, DriverPlugin> }) => {
  for (const schema of models) fastify.addSchema(schema)

  const properties: Record<string, object> = {}
  for (const { driver: { name, title, createOptions } } of drivers.values()) {
    if (createOptions === undefined) continue
    const id = `${pascal(name)}NodeOptions`
    fastify.addSchema({ ...createOptions as TObject, $id: id })
    properties[name] = { $ref: `${id}#`, description: title }
  }
  fastify.addSchema({
    $id: 'ProviderOptions',
    type: 'object',
    description: 'What one driver alone can do, under the name of that driver.',
    properties,
    additionalProperties: false
  })
}, { name: 'schemas' })
