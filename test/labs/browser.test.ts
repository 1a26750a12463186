import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { chromium, type Browser, type Page } from 'playwright-core'
import t from 'tap'
import { build, dummy } from '../helper/app.ts'

/** Debian's, unless another is named. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * A name that is neither loopback by itself nor `localhost`: what a browser does for those alone does not help here.
 */
const name = 'cloud.example.test'

/**
 * Chromium asks its maker's hosts at every start, unless it is told not to; whatever it looks up otherwise is not
 * found.
 */
const args = [
  `--host-resolver-rules=MAP ${name} 127.0.0.2, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2`,
  '--disable-gpu', '--disable-quic', '--disable-sync', '--disable-background-networking', '--disable-component-update'
]

let browser: Browser

t.before(async () => {
  if (!existsSync(executablePath)) {
    throw new Error(
      `There is no Chromium at ${executablePath}: install it (apt-get install chromium), or name another in CHROMIUM`
    )
  }
  browser = await chromium.launch({ executablePath, args })
})
t.teardown(() => browser?.close())

/** A page, and all that it asked for and complained of. */
async function openPage (t: { teardown (close: () => unknown): unknown }) {
  const page = await browser.newPage()
  t.teardown(() => page.close())
  const asked: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('requestfailed', (request) => complaints.push(`${request.url()} failed: ${request.failure()?.errorText}`))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return { page, asked, complaints }
}

/** Opens an operation in Swagger UI, presses Execute, and reads the answer that is shown. */
async function execute (page: Page, tag: string, operationId: string) {
  const operation = page.locator(`#operations-${tag}-${operationId}`)
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table')
  const status = await answer.locator('.response-col_status').last().innerText()
  const body = await answer.locator('.response-col_description pre').first().innerText()
  return { status: status.trim(), body: JSON.parse(body) as { items: { id: string }[] } }
}

const places = [
  { what: 'an address', listen: '127.0.0.1', host: '127.0.0.1' },
  { what: 'another address', listen: '127.0.0.2', host: '127.0.0.2' },
  { what: 'a name, over plain http', listen: '127.0.0.2', host: name }
]

for (const { what, listen, host } of places) {
  t.test(`Swagger UI at ${what} lists the nodes there are`, async (t) => {
    const { app, api } = await build(t, { clouds: { default: dummy({ nodes: 3 }), other: dummy({ nodes: 2 }) } })
    await app.listen({ host: listen, port: 0 })
    const origin = `http://${host}:${(app.server.address() as AddressInfo).port}`
    const there = (await api.get('/api/v2/nodes')).body.items.map(({ id }: { id: string }) => id)
    t.equal(there.length, 5)

    const { page, asked, complaints } = await openPage(t)
    await page.goto(`${origin}/docs`)
    const { status, body } = await execute(page, 'Nodes', 'listAllNodes')
    t.equal(status, '200')
    t.same(body.items.map(({ id }) => id), there)

    t.same(complaints, [], 'nothing is complained of in the console')
    t.same(
      asked.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:')),
      [],
      'nothing is asked of anybody else'
    )
    t.match(asked, [`${origin}/docs`], 'the page is there')
  })
}

t.test('Swagger UI shows every operation', async (t) => {
  const { app } = await build(t)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const { page, complaints } = await openPage(t)
  await page.goto(`${origin}/docs`)
  await page.locator('.opblock').first().waitFor()
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, { operationId: string }>> }
  const documented = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId)
  )
  const shown = await page.locator('.opblock').evaluateAll((blocks) => blocks.map(({ id }) => id.split('-').at(-1)!))
  t.same(shown.sort(), documented.sort())
  t.same(complaints, [])
})
