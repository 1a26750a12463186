import { existsSync } from 'node:fs'
import { chromium, type Browser, type Locator, type Page } from 'playwright-core'

/** Chromium for tests of pages, and the parts of Swagger UI that tests press. */

/** Debian's, unless another is named. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * A name that is neither loopback by itself nor `localhost`: what a browser does for those alone does not help here.
 */
export const name = 'cloud.example.test'

/** A name of an attacker that resolves to this machine (DNS rebinding). */
export const rebound = 'evil.example.test'

/**
 * Chromium asks its maker's hosts at every start, unless it is told not to; whatever it looks up otherwise is not
 * found.
 */
const args = [
  `--host-resolver-rules=MAP ${name} 127.0.0.2, MAP ${rebound} 127.0.0.1, MAP * ~NOTFOUND, ` +
    'EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2',
  '--disable-gpu', '--disable-quic', '--disable-sync', '--disable-background-networking', '--disable-component-update'
]

/** Starts Chromium. Throws an Error that says how to install it. */
export async function launch (): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(
      `There is no Chromium at ${executablePath}: install it (apt-get install chromium), or name another in CHROMIUM`
    )
  }
  return chromium.launch({ executablePath, args })
}

/** Runs in the page, whose types this project does not have. */
const scrollScript = `(async () => {
  const { scrollHeight: height } = document.documentElement
  const before = window.scrollY
  window.scrollBy(0, window.innerHeight / 2)
  for (let frames = 0; frames < 3; frames++) await new Promise((resolve) => { requestAnimationFrame(resolve) })
  return window.scrollY === before && document.documentElement.scrollHeight === height
})()`

/** Scrolls down by less than a window, and waits until the page is drawn. Returns whether the end is reached. */
const scrollOn = async (page: Page) => page.evaluate<boolean>(scrollScript)

/** Scrolls through Swagger UI, which renders only the operations near the window, until `look` returns true. */
export async function scrollThrough (page: Page, look: () => Promise<boolean>) {
  await page.locator('.opblock').first().waitFor()
  while (!await look() && !await scrollOn(page)) continue
}

/** Opens an operation in Swagger UI and returns it. */
export async function openOperation (page: Page, tag: string, operationId: string): Promise<Locator> {
  const operation = page.locator(`#operations-${tag}-${operationId}`)
  await scrollThrough(page, () => operation.isVisible())
  await operation.locator('.opblock-summary-control').click()
  return operation
}

/**
 * Expands the schema of the body of an operation along a path of properties, and returns the text of the last one. Each
 * button is pressed again until it shows the next property: Swagger UI draws the schema anew when it has resolved it.
 */
export async function schemaText (operation: Locator, path: readonly string[]): Promise<string> {
  const body = operation.locator('.opblock-section-request-body')
  await body.getByRole('tab', { name: 'Schema' }).click()
  const titles = body.page().locator('.json-schema-2020-12__title')
  const title = (name: string) => titles.filter({ hasText: new RegExp(`^${name}$`) })
  let at = body.locator('.model-box')
  for (const name of path) {
    const property = body.locator('.json-schema-2020-12-property').filter({ has: title(name) }).last()
    const button = at.locator('.json-schema-2020-12-accordion').first()
    for (let tries = 0; tries < 5 && !await property.isVisible(); tries++) {
      await button.click()
      await property.waitFor({ timeout: 5000 }).catch(() => {})
    }
    at = property
  }
  return at.innerText()
}
