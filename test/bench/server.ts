import { importBuilt } from './build.ts'
import { tellAddress } from './probe.ts'

const { loadSettings } = await importBuilt<typeof import('../../config/index.ts')>('config/index.js')
const { loadDrivers } = await importBuilt<typeof import('../../drivers/load.ts')>('drivers/load.js')
const { serve } = await importBuilt<typeof import('../../server.ts')>('server.js')

const drivers = await loadDrivers()
const settings = loadSettings({ config: process.argv[2]!, env: {}, cwd: process.cwd(), drivers })
const app = await serve({ settings, drivers })
tellAddress(app.listeningOrigin)
