import { existsSync } from 'node:fs'
import path from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { createApp } from '../../app.ts'
import { loadSettings } from '../../config/index.ts'
import { loadDrivers } from '../../drivers/load.ts'
import { root } from '../helper/app.ts'

/**
 * Makes the picture of the README: Swagger UI on a server without a settings file, after one request.
 *
 *     npm run docs:picture
 */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const file = path.join(root, 'docs/swagger-ui.png')
const size = { width: 1000, height: 800 }
/** The address in the picture is the one of the README, whatever port is free. */
const shown = 'http://127.0.0.1:5070'

if (!existsSync(executablePath)) {
  throw new Error(`There is no Chromium at ${executablePath}: install it, or name another in CHROMIUM`)
}

/** Starts a server with the default settings, which keeps nothing. */
async function startServer () {
  const drivers = await loadDrivers()
  const settings = loadSettings({ env: { STORE_FILE: ':memory:' }, cwd: path.join(root, 'docs'), drivers })
  for (const cloud of settings.clouds) cloud.settings['state_file'] = null
  const app = createApp({ settings, drivers })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, origin }
}

/** Counts the nodes in Swagger UI and moves the page to the request and its answer. */
async function countNodes (page: Page) {
  const operation = page.locator('#operations-Clouds-getSummary')
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table .response-col_description pre').first().waitFor()
  await operation.locator('.execute-wrapper, .btn-group').first().evaluate((element) => element.scrollIntoView())
}

const { app, origin } = await startServer()
const browser = await chromium.launch({
  executablePath,
  args: [
    '--disable-gpu', '--no-sandbox', `--host-resolver-rules=MAP 127.0.0.1:5070 ${new URL(origin).host}`
  ]
})
try {
  const page = await browser.newPage({ viewport: size })
  await page.goto(`${shown}/docs`)
  await countNodes(page)
  await page.screenshot({ path: file })
  process.stdout.write(`${file}\n`)
} finally {
  await browser.close()
  await app.close()
}
