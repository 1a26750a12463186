import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Driver } from '../../drivers/driver.ts'
import type { Caller } from '../../plugins/auth/index.ts'
import { settingsForm } from '../../plugins/settings-form.ts'
import { DriverDetails, DriverList, ok, ProblemError } from '../../openapi/model/index.ts'

const tags = ['Drivers']

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const summary = ({ name, title, aliases = {} }: Driver, caller: Caller) => ({
    name,
    title,
    aliases: Object.keys(aliases),
    clouds: fastify.farm.seenBy(caller).clouds.filter(({ settings }) => settings.driver === name)
      .map((cloud) => cloud.name),
    self: `/api/v2/drivers/${name}`
  })

  fastify.get('/drivers', {
    config: { level: 'read', action: 'drivers.list' },
    schema: {
      operationId: 'listDrivers',
      summary: 'List the available drivers',
      tags,
      response: ok(DriverList, 'All drivers, also those that no cloud uses.')
    }
  }, async ({ caller }) =>
    ({ items: [...fastify.drivers.values()].map(({ driver }) => summary(driver, caller)) }))

  fastify.get('/drivers/:driver', {
    config: { level: 'read', action: 'drivers.get' },
    schema: {
      operationId: 'getDriver',
      summary: 'Get a driver and the schema of its settings',
      tags,
      params: Type.Object({ driver: Type.String({ description: 'Name of the driver.' }) }),
      response: ok(DriverDetails, 'The driver.')
    }
  }, async ({ params, caller }) => {
    const plugin = fastify.drivers.get(params.driver)
    if (plugin === undefined) {
      throw new ProblemError('resource_not_found', `No driver is named "${params.driver.slice(0, 64)}"`, {
        hint: 'GET /api/v2/drivers lists the available drivers.'
      })
    }
    const { driver, outside = driver.name } = plugin
    const options = (driver.createOptions ?? null) as Record<string, unknown> | null
    return { ...summary(driver, caller), settings: settingsForm(driver, outside), create_options: options }
  })
}

export default routes
