import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { Operation } from '../../openapi/model/index.ts'
import { build, dummy } from '../helper/app.ts'
import { launch, name, openOperation, rebound, scrollThrough } from './browser.ts'

let browser: Browser

t.before(async () => {
  browser = await launch()
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
async function execute<Body = { items: { id: string }[] }> (page: Page, tag: string, operationId: string) {
  const operation = await openOperation(page, tag, operationId)
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table')
  const status = await answer.locator('.response-col_status').last().innerText()
  const body = await answer.locator('.response-col_description pre').first().innerText()
  return { status: status.trim(), body: JSON.parse(body) as Body }
}

const places = [
  { what: 'an address', listen: '127.0.0.1', host: '127.0.0.1' },
  { what: 'another address', listen: '127.0.0.2', host: '127.0.0.2' },
  { what: 'a name, over plain http', listen: '127.0.0.2', host: name }
]

for (const { what, listen, host } of places) {
  t.test(`Swagger UI at ${what} lists the nodes there are`, async (t) => {
    const settings = { allowed_hosts: [name] }
    const clouds = { default: dummy({ nodes: 3 }), other: dummy({ nodes: 2 }) }
    const { app, api } = await build(t, { settings, clouds })
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

t.test('createNode with the values that Swagger UI offers makes a node on the default cloud', async (t) => {
  const { app, api } = await build(t)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const { page, complaints } = await openPage(t)
  await page.goto(`${origin}/docs`)
  const { status, body } = await execute<Operation>(page, 'Nodes', 'createNode')
  t.equal(status, '200', 'the example of Prefer waits for the end', { body })
  t.match(await api.ended(body), { kind: 'nodes.create', status: 'succeeded' })
  const { body: { items } } = await api.get('/api/v2/nodes')
  t.match(items, [{ name: /./, state: 'running' }])
  t.same(complaints, [])
})

t.test('Swagger UI shows every operation and every webhook', async (t) => {
  const { app } = await build(t)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const { page, complaints } = await openPage(t)
  await page.goto(`${origin}/docs`)
  await page.locator('.opblock').first().waitFor()
  type Paths = Record<string, Record<string, { operationId: string }>>
  const { paths, webhooks } = app.swagger() as unknown as { paths: Paths, webhooks: Paths }
  const documented = Object.values({ ...paths, ...webhooks }).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId)
  )
  const shown = new Set<string>()
  await scrollThrough(page, async () => {
    const ids = await page.locator('.opblock').evaluateAll((blocks) => blocks.map(({ id }) => id.split('-').at(-1)!))
    for (const id of ids) shown.add(id)
    return false
  })
  t.same([...shown].sort(), documented.sort())
  t.same(complaints, [])
})

/** Serves a page of another origin, with this content. */
async function servePage (t: Test, content = '') {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>A page</title><body>${content}`)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Starts a server with one running node, and a log of the codes of all refusals. */
async function startTarget (t: Test) {
  const codes: string[] = []
  const log = new EventEmitter<{ refusal: [code: string] }>()
  const stream = {
    write (line: string) {
      const { code = '' } = JSON.parse(line) as { code?: string }
      codes.push(code)
      if (code !== '') log.emit('refusal', code)
    }
  }
  const logger = { level: 'info', stream }
  const { app, api } = await build(t, {
    logger, settings: { log_requests: false }, clouds: { default: dummy({ nodes: 1 }) }
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  codes.length = 0
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const state = async () => (await api.get(self)).body.state as string
  return { origin, self: self as string, codes, refusal: once(log, 'refusal'), state }
}

t.test('a page of another origin cannot stop a node, with a request that needs no preflight', async (t) => {
  const { origin, self, codes, state } = await startTarget(t)
  const { page } = await openPage(t)
  await page.goto(await servePage(t))
  const type = await page.evaluate(async (url) => {
    const answer = await fetch(url, { method: 'POST', mode: 'no-cors' })
    return answer.type
  }, `${origin}${self}/actions/stop`)
  t.equal(type, 'opaque', 'the browser has sent it')
  t.same(codes, ['origin_not_allowed'])

  await page.evaluate(async (url) => fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}'
  }).catch(() => {}), `${origin}${self}/actions/stop`)
  t.same(codes, ['origin_not_allowed', 'origin_not_allowed'], 'its preflight is refused as well')
  t.equal(await state(), 'running')
})

const forms = [
  ['a form of another origin', false],
  ['a form in a sandboxed frame, whose origin is null', true]
] as const

for (const [title, sandbox] of forms) {
  t.test(`${title}, cannot stop a node`, async (t) => {
    const { origin, self, codes, refusal, state } = await startTarget(t)
    const { page } = await openPage(t)
    const form = `<form method="post" enctype="text/plain" action="${origin}${self}/actions/stop">` +
      '<input name="{" value="}"></form><script>document.forms[0].submit()</script>'
    const frame = `<iframe sandbox="allow-scripts allow-forms" srcdoc='${form}'></iframe>`
    await page.goto(await servePage(t, sandbox ? frame : form), { waitUntil: 'commit' })
    // The log of the server, because Chromium reports no answer to a frame that it moves to a process of its own.
    t.same(await refusal, ['origin_not_allowed'])
    t.same(codes, ['origin_not_allowed'])
    t.equal(await state(), 'running')
  })
}

t.test('a page whose name was made to resolve to this server can neither read nor change', async (t) => {
  const { origin, codes } = await startTarget(t)
  const { page } = await openPage(t)
  const there = `http://${rebound}:${new URL(origin).port}`
  const answer = await page.goto(`${there}/api/v2/nodes`)
  t.equal(answer!.status(), 421)
  t.match(await answer!.json(), { code: 'host_not_allowed' })
  // The page is of the same origin as the server, for the browser.
  const status = await page.evaluate(async () => (await fetch('/api/v2/nodes', { method: 'POST' })).status)
  t.equal(status, 421)
  t.ok(codes.length >= 2)
  t.same([...new Set(codes)], ['host_not_allowed'])
})

t.test('a page of cors.origins lists the nodes and stops one', async (t) => {
  const portal = await servePage(t)
  const { app, api } = await build(t, {
    settings: { cors: { origins: [portal] } }, clouds: { default: dummy({ nodes: 1 }) }
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const { page, complaints } = await openPage(t)
  await page.goto(portal)
  const done = await page.evaluate(async ({ origin, self }) => {
    const list = await (await fetch(`${origin}/api/v2/nodes`)).json() as { items: { self: string }[] }
    const headers = { 'content-type': 'application/json', prefer: 'wait=5', 'idempotency-key': 'a' }
    const stopped = await fetch(`${origin}${self}/actions/stop`, { method: 'POST', headers, body: '{}' })
    return { first: list.items[0]!.self, status: stopped.status, location: stopped.headers.get('location') }
  }, { origin, self: self as string })
  t.match(done, { first: self, status: 200, location: /^\/api\/v2\/operations\// })
  t.same(complaints.filter((complaint) => !complaint.includes('favicon')), [])
})
