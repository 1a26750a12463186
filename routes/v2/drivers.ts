import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import type { Driver } from '../../drivers/driver.ts'
import type { Caller } from '../../plugins/auth/index.ts'
import { settingsForm } from '../../plugins/settings-form.ts'
import {
  DriverDetails,
  DriverList,
  DriverProvider,
  ok,
  ProblemError
} from '../../openapi/model/index.ts'

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

  const find = (name: string) => {
    const plugin = fastify.drivers.get(name)
    if (plugin !== undefined) return plugin
    throw new ProblemError('resource_not_found', `No driver is named "${name.slice(0, 64)}"`, {
      hint: 'GET /api/v2/drivers lists the available drivers.'
    })
  }

  const providersOf = async ({ name, providers }: Driver) =>
    (await providers?.(fastify.dataDirectory))
      ?.map((provider) => ({
        ...provider,
        self: `/api/v2/drivers/${name}/providers/${provider.name}`
      }))

  fastify.get(
    '/drivers',
    {
      config: { level: 'read', action: 'drivers.list' },
      schema: {
        operationId: 'listDrivers',
        summary: 'List the available drivers',
        tags,
        response: ok(DriverList, 'All drivers, also those that no cloud uses.')
      }
    },
    async ({ caller }) => ({
      items: [...fastify.drivers.values()].map(({ driver }) => summary(driver, caller))
    })
  )

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
    const { driver, outside = driver.name } = find(params.driver)
    const options = (driver.createOptions ?? null) as Record<string, unknown> | null
    const providers = driver.providers === undefined
      ? {}
      : { providers: await providersOf(driver) ?? null }
    const form = settingsForm(driver, outside)
    return { ...summary(driver, caller), settings: form, create_options: options, ...providers }
  })

  fastify.get('/drivers/:driver/providers/:provider', {
    config: { level: 'read', action: 'drivers.get' },
    schema: {
      operationId: 'getDriverProvider',
      summary: 'Get a provider of a driver, with its arguments and capabilities',
      description:
        'For drivers that reach many providers, such as libcloud. `key`, `secret`, `region` and ' +
        '`arguments` of the settings set the arguments.',
      tags,
      params: Type.Object({
        driver: Type.String({ description: 'Name of the driver.' }),
        provider: Type.String({ description: 'Name of the provider.' })
      }),
      response: ok(DriverProvider, 'The provider.')
    }
  }, async ({ params }) => {
    const { driver } = find(params.driver)
    const providers = await providersOf(driver)
    const found = providers?.find(({ name }) => name === params.provider)
    if (found !== undefined) return found
    const isMissing = driver.providers !== undefined && providers === undefined
    throw new ProblemError(
      'resource_not_found',
      `The driver ${driver.name} has no provider named ` +
        `"${params.provider.slice(0, 64)}"`,
      {
        hint: isMissing
          ? `What the driver needs is not installed: run \`orchestrator install ${driver.name}\`.`
          : `GET /api/v2/drivers/${driver.name} lists its providers.`
      }
    )
  })
}

export default routes
