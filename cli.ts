#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { stringify } from '#yaml'
import { backup } from './backup.ts'
import { CommandError, runKeys, runUsers, type CommandOutput } from './callers.ts'
import { convertSettings, loadServer, SettingsError } from './config/index.ts'
import { version } from './config/version.ts'
import { readLogTargets } from './logs.ts'
import { createDriverPackage, NewDriverError } from './new-driver.ts'
import { check } from './plugins/clouds/check.ts'
import { runStoreCommand } from './store-commands.ts'
import { workerVariable } from './worker.ts'

const help = `orchestrator ${version}: one REST API over many clouds

  orchestrator [serve]   serve the API (npm start does the same)
  orchestrator check     check the settings and every cloud; exits with 0 if all are well, otherwise with 1
  orchestrator backup FILE
                         copy the store to a new file, also while the server runs (SQLite; PostgreSQL has pg_dump)
  orchestrator store migrate [--url URL]
                         give the store the schema of this version, as serve does at its start; --url is PostgreSQL
                         itself, if the settings name a pooler such as pgbouncer
  orchestrator store copy --from STORE --to STORE
                         copy all that a store keeps to an empty one while no server runs; STORE is the path of a SQLite
                         file or postgres://user@host:5432/database, with the password in PGPASSWORD
  orchestrator keys create NAME --grant LEVEL:CLOUD[,CLOUD...] [--expires 90d]
                         create a key and print it; LEVEL is read, operate, manage or admin, and a * in CLOUD matches
                         any text. Repeat --grant for more. The settings need \`auth\` for keys to be checked
  orchestrator keys list, keys revoke NAME
                         list the keys; revoke one
  orchestrator users create NAME --grant LEVEL:CLOUD[,CLOUD...], users list, users password NAME, users remove NAME
                         users with passwords, which are read from the standard input
  orchestrator convert FILE
                         print the settings of the original Orchestrator (CLOUD_FARM) as settings of this server;
                         the output contains the credentials of the file
  orchestrator new-driver NAME
                         write the package of a new driver into ./orchestrator-driver-NAME
  orchestrator install DRIVER [--with PACKAGE]
                         install what a driver needs beyond this package (libcloud), into the data folder

  -c, --config FILE      settings file (YAML or JSON). Default: the file that ORCHESTRATOR_CONFIG names, or
                         orchestrator.yaml, .yml or .json in the working directory, or a single dummy cloud
  --access-log FILE      serve: write a line for each request to FILE; - is stdout. Without it, requests are lines of
                         the server's log
  --access-log-format FORMAT
                         combined, as Apache and nginx write it (the default), or json
  --error-log FILE       serve: write the server's log, lines of JSON, to FILE; - is stderr. Default: stdout
  --workers N            serve: use N processes, which share the port. Needs a store on PostgreSQL
  -h, --help             print this help
  -v, --version          print the version

The environment variables PORT, HOST, LOG_LEVEL, LOG_REQUESTS, STORE_FILE and DATABASE_URL override the settings of the
server.
SIGHUP opens the files of the logs again, so that logrotate can rename them.`

const print = (message: string) => {
  process.stdout.write(`${message}\n`)
}

const show = ({ result, note }: CommandOutput) => {
  if (result !== '') print(result)
  if (note !== undefined) process.stderr.write(`${note}\n`)
}

const fail = (message: string) => {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

function readArguments () {
  return parseArgs({
    allowPositionals: true,
    options: {
      'access-log': { type: 'string' },
      'access-log-format': { type: 'string' },
      config: { type: 'string', short: 'c' },
      'error-log': { type: 'string' },
      expires: { type: 'string' },
      from: { type: 'string' },
      grant: { type: 'string', multiple: true },
      to: { type: 'string' },
      url: { type: 'string' },
      with: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      workers: { type: 'string' }
    }
  })
}

async function main () {
  const { values, positionals: [command = 'serve', ...others] } = readArguments()
  if (values.help === true) return print(help)
  if (values.version === true) return print(version)
  const operands: Record<string, readonly number[]> = {
    serve: [0],
    check: [0],
    backup: [1],
    convert: [1],
    install: [1],
    'new-driver': [1],
    keys: [0, 1, 2],
    store: [1],
    users: [0, 1, 2]
  }
  if (operands[command]?.includes(others.length) !== true) {
    if (command === 'backup') return fail(`backup needs the name of one new file.\n\n${help}`)
    if (command === 'convert') {
      return fail(`convert needs the name of one settings file.\n\n${help}`)
    }
    if (command === 'new-driver') return fail(`new-driver needs one name.\n\n${help}`)
    if (command === 'store') return fail(`store needs migrate or copy.\n\n${help}`)
    if (command === 'install') return fail(`install needs the name of one driver.\n\n${help}`)
    return fail(`Unknown command "${[command, ...others].join(' ')}".\n\n${help}`)
  }

  const logs = readLogTargets(values)
  const serveOptions = ['access-log', 'access-log-format', 'error-log', 'workers'] as const
  const serveOption = serveOptions.find((name) => values[name] !== undefined)
  if (serveOption !== undefined && command !== 'serve') {
    return fail(`--${serveOption} is an option of serve.\n\n${help}`)
  }
  if (command === 'new-driver') {
    const folder = createDriverPackage(others[0]!, process.cwd())
    return print(`The driver is in ${folder}. Next: npm install and npm test in that folder.`)
  }

  if (command === 'convert') {
    const { settings, notes } = await convertSettings(others[0]!, process.cwd())
    return print([...notes.map((note) => `# ${note}`), stringify(settings).trimEnd()].join('\n'))
  }

  const load = () =>
    loadServer({ config: values.config, env: process.env, cwd: process.cwd() })
  if (command === 'store') {
    const readSettings = async () => (await load()).settings
    return print(await runStoreCommand(readSettings, others[0]!, values))
  }

  const { settings, drivers } = await load()
  if (command === 'serve') {
    const isWorker = process.env[workerVariable] !== undefined
    if (values.workers !== undefined && !isWorker) {
      const { supervise } = await import('./workers.ts')
      return supervise({ settings, count: Number(values.workers), logs })
    }
    // The primary process of workers does not need it.
    const { serve } = await import('./server.ts')
    await serve({ settings, drivers, logs, isWorker })
    return
  }

  if (command === 'install') {
    const { install } = drivers.get(others[0]!)?.driver ?? {}
    if (install === undefined) return fail(`The driver ${others[0]} needs no installation.`)
    return install({ dataDirectory: settings.dataDirectory, packages: values.with ?? [], print })
  }

  if (command === 'backup') {
    return print(`The store was copied to ${await backup(settings, others[0]!)}`)
  }

  if (command === 'keys') return show(await runKeys(settings, others, values))
  if (command === 'users') return show(await runUsers(settings, others, values))

  const { ok, table } = await check(settings, drivers)
  print(table)
  if (!ok) process.exitCode = 1
}

/** Returns the text for an error. A known error needs no stack. */
function messageOf (error: unknown) {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (
    error instanceof SettingsError || error instanceof NewDriverError ||
    error instanceof CommandError
  ) {
    return message
  }
  if (code === 'EADDRINUSE') {
    return `The port is in use by another process (${message}); set PORT, or port in the settings`
  }
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${message}\n\n${help}`
  return /^The (store|key|user|password|log|number)/.test(message) ? message : stack ?? message
}

try {
  await main()
} catch (error) {
  fail(messageOf(error))
  // Parts of the server that have started must not keep the process alive.
  process.exit()
}
