import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import type { Settings } from './config/index.ts'
import type { DriverPlugin } from './drivers/driver.ts'
import admin from './plugins/admin.ts'
import { banner, logStream } from './terminal.ts'

export interface ServerOptions {
  settings: Settings
  drivers: ReadonlyMap<string, DriverPlugin>
}

/** Starts the server, prints its address, and closes it gracefully on SIGTERM and SIGINT. */
export async function serve ({ settings, drivers }: ServerOptions): Promise<FastifyInstance> {
  const stream = await logStream(process.stdout)
  const app = createApp({
    settings,
    drivers,
    logger: {
      level: settings.log_level,
      ...(stream && { stream }),
      // The server never logs headers and bodies. This removes them from errors that contain a request or a token.
      redact: { paths: ['*.headers', '*.authorization', '*.token', '*.password'], remove: true }
    }
  })
  app.register(admin, { storeFile: settings.store.file })
  // SIGHUP opens the file of the audit again.
  const skip: 'SIGHUP'[] = settings.audit?.file === undefined ? [] : ['SIGHUP']
  const grace = closeWithGrace({ delay: 5000, skip }, async ({ err }) => {
    if (err !== undefined) app.log.fatal({ err }, 'the server ends because of an error')
    await app.close()
  })
  app.addHook('onClose', async () => { grace.uninstall() })

  const address = await app.listen({
    host: settings.host,
    port: settings.port,
    listenTextResolver: (address) => `listening on ${address}`
  })
  process.stdout.write(banner(settings, address, process.stdout))
  return app
}
