import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { serve } from '../fixtures/process.ts'
import { createApi } from '../helper/api.ts'
import { dummy, makeDirectory, root } from '../helper/app.ts'
import { createDocumentCheck } from '../helper/document.ts'
import { makeCertificates } from './certificates.ts'
import { startReceiver } from './receiver.ts'
import { create, ended, readDeliveries, until } from './setup.ts'

const check = createDocumentCheck(JSON.parse(readFileSync(path.join(root, 'openapi/openapi.json'), 'utf8')))

/** Starts a server process, since Node.js reads NODE_EXTRA_CA_CERTS when a process starts. */
async function startServer (t: Test, webhooks: object, env: Record<string, string> = {}) {
  const cwd = makeDirectory(t)
  const settings = { port: 0, log_level: 'silent', clouds: { default: dummy() }, webhooks }
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(settings))
  const { url: origin } = await serve(t, ['serve'], { cwd, env })
  return createApi(async ({ method, url, headers, payload }) => {
    const answer = await fetch(origin + url, { method, headers, body: payload ?? null })
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
  }, check)
}

type Api = Awaited<ReturnType<typeof startServer>>

/** Sends a test event to a URL. Returns its only attempt. */
async function tryUrl (api: Api, url: string) {
  const webhook = await create(api, { url })
  await api.post(`${webhook.self}/actions/test`)
  const [{ attempts }] = await until(() => readDeliveries(api, webhook), ended)
  return attempts[0]
}

/** Starts a proxy for CONNECT. `asked` has the hosts and ports that clients have asked for. */
async function startProxy (t: Test) {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on('connect', ({ url }, client: Socket) => {
    asked.push(url!)
    const { hostname, port } = new URL(`http://${url}`)
    const target = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(target).pipe(client)
    })
    for (const one of [client, target]) {
      sockets.add(one)
      one.on('error', () => { client.destroy(); target.destroy() })
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const allowed = { allow_addresses: ['127.0.0.1'] }

t.test('a receiver with https gets events if its authority is trusted, and else the log says why not', async (t) => {
  const { authority, ...certificate } = makeCertificates(makeDirectory(t))
  const receiver = await startReceiver(t, undefined, certificate)
  const trusting = await startServer(t, allowed, { NODE_EXTRA_CA_CERTS: authority })
  t.match(await tryUrl(trusting, receiver.url), { status: 204, error: null, detail: null })
  t.equal(receiver.received.length, 1)
  const other = await startServer(t, allowed)
  t.match(await tryUrl(other, receiver.url), {
    status: null,
    error: 'tls_failed',
    detail: /^The server does not trust the certificate of the receiver \([A-Z_]+\)\.$/
  })
  t.equal(receiver.received.length, 1, 'nothing was sent')
})

t.test('events go through the proxy of the settings', async (t) => {
  const { authority, ...certificate } = makeCertificates(makeDirectory(t))
  const receiver = await startReceiver(t, undefined, certificate)
  const proxy = await startProxy(t)
  const api = await startServer(t, { ...allowed, proxy: proxy.url }, { NODE_EXTRA_CA_CERTS: authority })
  t.match(await tryUrl(api, receiver.url), { status: 204, error: null })
  t.same(proxy.asked, [new URL(receiver.url).host])
  t.equal(receiver.received.length, 1)
})

t.test('an address that is not allowed is refused before the proxy is asked', async (t) => {
  const receiver = await startReceiver(t)
  const proxy = await startProxy(t)
  const api = await startServer(t, { allow_http: true, proxy: proxy.url })
  t.match(await tryUrl(api, receiver.url.replace('127.0.0.1', 'localhost')), {
    status: null,
    error: 'address_refused',
    detail: 'The settings of the server do not allow the URL or its address.'
  })
  t.same(proxy.asked, [])
  t.same(receiver.received, [])
})
