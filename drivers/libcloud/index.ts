import { existsSync } from 'node:fs'
import path from 'node:path'
import { Type } from '#typebox'
import { ProblemError } from '../../openapi/model/index.ts'
import { defineDriver } from '../driver.ts'
import { defined } from '../original.ts'
import { connectLazily, processSettings, type Launch } from '../process/public.ts'
import { bridge, homeOf, installCommand, pythonOf } from './places.ts'

const secret = (description: string) =>
  Type.Optional(Type.String({ format: 'password', minLength: 1, description }))

const settings = Type.Object({
  provider: Type.String({
    minLength: 1,
    description: 'The provider, as Libcloud names it. GET /api/v2/drivers/libcloud lists them.'
  }),
  key: secret('The first credential of the provider: a key, a token, a user or a URI.'),
  secret: secret('The second credential of the provider: a secret or a password.'),
  region: Type.Optional(Type.String({ minLength: 1, description: 'The region.' })),
  arguments: Type.Optional(Type.Object({}, {
    additionalProperties: true,
    description: "Other arguments of the constructor of Libcloud's driver, by their own names."
  })),
  native: Type.Boolean({
    default: true,
    description:
      'Whether providers that have a driver of this server are refused. false: use that of Libcloud.'
  }),
  python: Type.Optional(Type.String({
    minLength: 1,
    description:
      `A Python 3.10 or later that has apache-libcloud 3.9.1. Default: that of \`${installCommand}\`.`
  })),
  env: Type.Optional(Type.Object({}, {
    additionalProperties: Type.String(),
    description: 'Environment variables of the process.'
  })),
  directory: Type.Optional(Type.String({
    minLength: 1,
    description: `The folder of \`${installCommand}\`. Default: libcloud in the data folder.`
  })),
  ...processSettings
}, { additionalProperties: false })

/** The drivers of this server that serve a provider of Libcloud better. */
const nativeDrivers: Readonly<Record<string, string>> = {
  ec2: 'ec2',
  openstack: 'openstack',
  eucalyptus: 'eucalyptus',
  rackspace: 'rackspace'
}

const toPath = (value: unknown, directory: string) =>
  typeof value === 'string' && value.includes('/') ? path.resolve(directory, value) : value

/** Every compute driver of Apache Libcloud, in a process of its own. README.md has the providers. */
export default defineDriver({
  name: 'libcloud',
  title: 'A provider of Apache Libcloud',
  settings,
  locationSetting: 'region',
  isGuarded: true,
  createOptions: Type.Object({}, {
    additionalProperties: true,
    description:
      "Other parameters of Libcloud's create_node, by their own names (`ex_…`). The capability " +
      'nodes.create lists them.'
  }),
  fromOriginal: ({ engine, user, password, extra: { region, ...others } }) => ({
    settings: defined({
      provider: engine,
      key: user,
      secret: password,
      region,
      arguments: Object.keys(others).length > 0 ? others : undefined
    }),
    notes: [`${engine} is served by Apache Libcloud: install it with \`${installCommand}\`.`]
  }),
  resolve (given, { directory, dataDirectory }) {
    const { provider, native = true } = given
    const better = typeof provider === 'string' && native === true
      ? nativeDrivers[provider]
      : undefined
    if (better !== undefined) {
      throw new Error(
        `found the provider "${provider}"; the driver ${better} of this server does more for it; set ` +
          '`native: false` to use that of Libcloud'
      )
    }
    const own = given['directory'] === undefined
      ? homeOf(dataDirectory)
      : toPath(given['directory'], directory)
    const python = given['python'] === undefined
      ? {}
      : { python: toPath(given['python'], directory) }
    return { ...given, directory: own, ...python }
  },
  connect (given, context) {
    const { provider, key, secret, region, arguments: others, python, env, directory, ...rest } =
      given
    const { native: _, ...limits } = rest
    const home = directory ?? homeOf('data')
    return connectLazily(context, {
      driver: 'libcloud',
      location: region ?? null,
      launch (): Launch {
        const interpreter = python ?? pythonOf(home)
        if (python === undefined && !existsSync(interpreter)) {
          const detail = `Apache Libcloud is not installed: there is no ${interpreter}`
          throw new ProblemError('provider_unavailable', detail, {
            hint: `Run \`${installCommand}\`, with --config as for the server.`
          })
        }
        return {
          command: [interpreter, '-E', '-s', '-B', bridge],
          directory: process.cwd(),
          env: env as Record<string, string> | undefined ?? {},
          settings: { provider, key, secret, region, arguments: others },
          hint:
            `The log of the server has what Python wrote to stderr. \`${installCommand}\` installs Libcloud; an ` +
            'interpreter of the setting `python` needs apache-libcloud 3.9.1.'
        }
      },
      ...limits
    })
  },
  install: async (options) => (await import('./install.ts')).install(options),
  providers: async (dataDirectory) => (await import('./providers.ts')).readProviders(dataDirectory)
})
