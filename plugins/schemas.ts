import fp from 'fastify-plugin'
import type { TObject } from '#typebox'
import type { DriverPlugin } from '../drivers/driver.ts'
import { models } from '../openapi/model/index.ts'

const pascal = (name: string) =>
  name.replaceAll(/(?:^|[-_])([a-z])/g, (_, letter: string) => letter.toUpperCase())

/**
 * Registers the models, so that routes can refer to them and the document contains them. `ProviderOptions` has the
 * options of all drivers, not only of those in use, because the document must not depend on the settings.
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
    description: 'Options of one driver, under the name of that driver.',
    properties,
    additionalProperties: false
  })
}, { name: 'schemas' })
