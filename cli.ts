#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { check } from './plugins/clouds/check.ts'
import { loadSettings, SettingsError } from './config/index.ts'
import { version } from './config/version.ts'
import { loadDrivers } from './drivers/load.ts'
import { serve } from './server.ts'

const help = `orchestrator ${version}: one REST API over many clouds

  orchestrator [serve]   serve the API (what npm start does)
  orchestrator check     check the settings and every cloud; ends with 0 if all is well, 1 otherwise

  -c, --config FILE      settings (YAML or JSON); otherwise the file that ORCHESTRATOR_CONFIG names, or
                         orchestrator.yaml, .yml or .json here, or a single dummy cloud
  -h, --help             this text
  -v, --version          the version

Over the settings of the server go PORT, HOST, LOG_LEVEL, LOG_REQUESTS and STORE_FILE from the environment.`

const say = (message: string) => { process.stdout.write(`${message}\n`) }

const fail = (message: string) => {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

function readArguments () {
  return parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } }
  })
}

async function main () {
  const { values, positionals: [command = 'serve', ...more] } = readArguments()
  if (values.help === true) return say(help)
  if (values.version === true) return say(version)
  if (!['serve', 'check'].includes(command) || more.length > 0) return fail(`There is no command "${[command, ...more].join(' ')}".\n\n${help}`)

  const drivers = await loadDrivers()
  const settings = loadSettings({ config: values.config, env: process.env, cwd: process.cwd(), drivers })
  if (command === 'serve') {
    await serve({ settings, drivers })
    return
  }

  const { ok, table } = await check(settings, drivers)
  say(table)
  if (!ok) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (error instanceof SettingsError) fail(message)
  else if (code === 'EADDRINUSE') fail(`The port is in use by another process (${message}); set PORT, or port in the settings`)
  else if (code?.startsWith('ERR_PARSE_ARGS') === true) fail(`${message}\n\n${help}`)
  else fail(message.startsWith('The store') ? message : stack ?? message)
  // What has been started by then must not keep the process.
  if (process.exitCode === 1) process.exit()
}
