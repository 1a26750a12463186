import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import type { Settings } from './config/index.ts'
import type { DriverPlugin } from './drivers/driver.ts'
import { loggerOptions, openLogs, type LogTargets } from './logs.ts'
import admin from './plugins/admin.ts'
import { banner } from './terminal.ts'
import { connectToPrimary } from './worker.ts'

export interface ServerOptions {
  settings: Settings
  drivers: ReadonlyMap<string, DriverPlugin>
  /** By default the server logs to stdout, requests included. */
  logs?: LogTargets
  /** Whether this process is one of several workers (workers.ts). */
  isWorker?: boolean
}

/**
 * Starts the server, prints its address, and closes it gracefully on SIGTERM and SIGINT. On SIGHUP it opens the files
 * of its logs again.
 */
export async function serve (options: ServerOptions): Promise<FastifyInstance> {
  const { settings, drivers, logs = { accessFormat: 'combined' }, isWorker = false } = options
  const primary = isWorker ? connectToPrimary() : undefined
  const { stream, access, files } = await openLogs(logs, (message) => app.log.error(message))
  const app: FastifyInstance = createApp({
    // A request is a line of one log.
    settings: access === undefined ? settings : { ...settings, log_requests: false },
    drivers,
    accessLog: access,
    readMetrics: primary?.scrape,
    logger: loggerOptions(settings, stream)
  })
  app.register(admin, { settings })
  // SIGHUP opens the files of the logs and of the audit again.
  const skip: 'SIGHUP'[] = files.length === 0 && settings.audit?.file === undefined
    ? []
    : ['SIGHUP']
  for (const signal of skip) {
    process.on(signal, () =>
      files.forEach((file) => {
        file.reopen()
      }))
  }
  let isClosing = false
  const grace = closeWithGrace({ delay: 5000, skip }, async ({ err }) => {
    isClosing = true
    if (err !== undefined) app.log.fatal({ err }, 'the server ends because of an error')
    await app.close()
    await Promise.all(files.map((file) => file.close()))
  })
  primary?.onClose(() => {
    // A signal to all processes has reached this worker as well.
    if (!isClosing) grace.close()
  })
  app.addHook('onClose', async () => {
    grace.uninstall()
  })

  const address = await app.listen({
    host: settings.host,
    port: settings.port,
    listenTextResolver: (address) => `listening on ${address}`
  })
  primary?.listen(address, app.metricsRegistry)
  // With --access-log -, stdout has lines of requests only. The primary process prints for its workers.
  if (primary === undefined && logs.access !== '-') process.stdout.write(banner(settings, address, process.stdout))
  return app
}
