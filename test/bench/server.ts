import { loadSettings } from '../../config/index.ts'
import { loadDrivers } from '../../drivers/load.ts'
import { serve } from '../../server.ts'
import { tellAddress } from './probe.ts'

const drivers = await loadDrivers()
const settings = loadSettings({ config: process.argv[2]!, env: {}, cwd: process.cwd(), drivers })
const app = await serve({ settings, drivers })
tellAddress(app.listeningOrigin)
