import path from 'node:path'
import { Type } from '#typebox'
import { defineDriver } from '../driver.ts'
import { connectLazily } from './lazy.ts'
import { processSettings } from './settings.ts'

const settings = Type.Object({
  command: Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    maxItems: 64,
    description:
      'The program of the driver and its arguments. No shell is used. Secrets belong into `settings`.'
  }),
  settings: Type.Optional(Type.Object({}, {
    additionalProperties: true,
    description: 'The settings of the driver itself. It receives them in the first message.'
  })),
  env: Type.Optional(Type.Object({}, {
    additionalProperties: Type.String(),
    description:
      'Environment variables of the process, beside PATH, HOME, LANG, TZ and those of proxies and ' +
      'certificates.'
  })),
  location: Type.Optional(Type.String({ minLength: 1, description: 'The region of the cloud.' })),
  directory: Type.Optional(Type.String({
    minLength: 1,
    description: 'The working directory of the process. Default: the folder of the settings file.'
  })),
  ...processSettings
}, { additionalProperties: false })

/** A driver in any language: a process that speaks JSON-RPC on stdin and stdout. README.md has the protocol. */
export default defineDriver({
  name: 'process',
  title: 'A driver in another language, in a process of its own',
  settings,
  locationSetting: 'location',
  isGuarded: true,
  createOptions: Type.Object({}, {
    additionalProperties: true,
    description: 'Options of the driver in the process.'
  }),
  resolve: ({ directory: own, ...rest }, { directory }) => ({
    ...rest,
    directory: typeof own === 'string' ? path.resolve(directory, own) : own ?? directory
  }),
  connect (
    { command, settings = {}, env = {}, location, directory = process.cwd(), ...limits },
    context
  ) {
    return connectLazily(context, {
      driver: 'process',
      location: location ?? null,
      launch: () => ({
        command,
        settings: { ...settings },
        env: env as Record<string, string>,
        directory
      }),
      ...limits
    })
  }
})
