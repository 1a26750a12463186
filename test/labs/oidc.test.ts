import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { bearer, createKey, grant } from '../helper/callers.ts'
import { moveClock } from '../helper/clock.ts'
import { launch, openOperation } from './browser.ts'
import { audience, publicClient, startOpenIdProvider } from './oidc/provider.ts'

const clouds = { 'team-a': dummy({ nodes: 2 }), 'team-b': dummy({ nodes: 1 }) }

/** Starts a provider, and a server that accepts its tokens. */
async function start (t: Test, { isDown = false, listen = '127.0.0.1' } = {}) {
  const provider = await startOpenIdProvider()
  t.teardown(provider.close)
  provider.setDown(isDown)
  const issuer = {
    issuer: provider.url,
    audience,
    client_id: publicClient,
    grants: [{ claim: 'groups', value: 'team-a', ...grant('operate', 'team-a') }]
  }
  const { app, api } = await build(t, { clouds, settings: { auth: { issuers: [issuer] } } })
  await app.listen({ host: listen, port: 0 })
  const origin = `http://${listen}:${(app.server.address() as AddressInfo).port}`
  provider.setRedirectUris([`${origin}/docs/static/oauth2-redirect.html`])
  const me = async (token: string) => api.get('/api/v2/me', bearer(token))
  return { provider, app, api, origin, me }
}

t.test('an access token of the provider is a caller with the grants of its group', async (t) => {
  const { provider, api, me } = await start(t)
  const token = await provider.token()
  t.match(await me(token), {
    status: 200,
    body: { kind: 'oidc', issuer: provider.url, id: 'ci', name: 'ci', grants: [grant('operate', 'team-a')] }
  })
  t.equal((await api.get('/api/v2/clouds/team-a/nodes', bearer(token))).status, 200)
  t.equal((await api.get('/api/v2/clouds/team-b/nodes', bearer(token))).status, 404)
})

t.test('the provider rotates its keys under load: no valid token is refused, one of a removed key is', async (t) => {
  const { provider, api, me } = await start(t)
  const move = moveClock(t)
  const rotations = 4
  const ended = new AbortController()
  let minutes = 0
  const refused: unknown[] = []
  const accepted = new Set<string>()
  const kidOf = (token: string) => {
    const header = Buffer.from(token.split('.')[0]!, 'base64url').toString()
    return (JSON.parse(header) as { kid: string }).kid
  }

  /** Gets tokens and uses each of them several times, as programs do. */
  const work = async () => {
    while (!ended.signal.aborted) {
      const token = await provider.token()
      for (let use = 0; use < 5; use++) {
        const { status, body } = await api.get('/api/v2/clouds/team-a/nodes', bearer(token))
        if (status === 200) accepted.add(kidOf(token))
        else refused.push({ status, detail: body.detail, kid: kidOf(token) })
      }
    }
  }
  /** Waits until a token of the present key was accepted under load. */
  const untilUsed = async () => {
    const kid = kidOf(await provider.token())
    while (!accepted.has(kid) && refused.length === 0) await new Promise((resolve) => { setImmediate(resolve) })
  }
  const load = Promise.all(Array.from({ length: 8 }, work))
  await untilUsed()
  for (let n = 0; n < rotations; n++) {
    await provider.rotate()
    await untilUsed()
    minutes++
    move(61_000)
  }
  ended.abort()
  await load
  t.same(refused, [])
  t.equal(accepted.size, rotations + 1, 'tokens of each key were used')
  t.ok(provider.fetches() <= 1 + minutes, 'the keys were fetched at the start, and once for each new key', {
    fetches: provider.fetches(), minutes
  })

  const last = await provider.token()
  t.equal((await me(last)).status, 200)
  await provider.rotate()
  provider.removeOldKeys()
  t.equal((await me(last)).status, 200, 'a token that was verified is known for a minute')
  move(61_000)
  t.equal((await me(await provider.token())).status, 200, 'a token of the new key makes the server fetch the keys')
  t.match(await me(last), { status: 401, body: { detail: /no such key/ } }, 'then those of the removed key are refused')
})

t.test('a removed key is noticed within ten minutes also if no token has a new one', async (t) => {
  const { provider, me } = await start(t)
  const move = moveClock(t)
  const token = await provider.token()
  t.equal((await me(token)).status, 200)
  await provider.rotate()
  provider.removeOldKeys()
  move(601_000)
  t.equal((await me(token)).status, 200, 'the first request after that fetches the keys in the background')
  while (provider.fetches() < 2) await new Promise((resolve) => { setImmediate(resolve) })
  let minutes = 0
  while ((await me(token)).status === 200 && minutes < 5) {
    minutes++
    move(61_000)
  }
  t.equal((await me(token)).status, 401, 'when the token is no longer known', { minutes })
})

t.test('tokens with unknown keys make the server fetch the keys once a minute', async (t) => {
  const { provider, me } = await start(t)
  const move = moveClock(t)
  const [, payload, signature] = (await provider.token()).split('.')
  const forge = (n: number) => {
    const header = JSON.stringify({ alg: 'RS256', kid: `forged-${n}`, typ: 'at+jwt' })
    return [Buffer.from(header).toString('base64url'), payload, signature].join('.')
  }
  const guess = async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, n) => me(forge(n))))
    return [...new Set(answers.map(({ status }) => status))]
  }
  for (let minute = 1; minute <= 3; minute++) {
    const before = provider.fetches()
    t.same(await guess(), [401])
    t.same(await guess(), [401])
    t.ok(provider.fetches() - before <= (minute === 1 ? 2 : 1), 'beside the first fetch, one in a minute')
    move(61_000)
  }
})

t.test('a provider that is down at the start, and later', async (t) => {
  const { provider, api, me } = await start(t, { isDown: true })
  const move = moveClock(t)
  provider.setDown(false)
  const token = await provider.token()
  provider.setDown(true)
  t.match(await me(token), {
    status: 503, headers: { 'retry-after': '5' }, body: { code: 'issuer_unavailable', retryable: true }
  })
  t.equal((await api.get('/health/live')).status, 200)
  provider.setDown(false)
  move(6000)
  t.equal((await me(token)).status, 200, 'the server notices that the provider is back')

  await provider.rotate()
  const next = await provider.token()
  provider.setDown(true)
  move(61_000)
  t.equal((await me(token)).status, 200, 'the keys at hand are used')
  t.match(await me(next), {
    status: 503, body: { code: 'issuer_unavailable' }
  }, 'whether the unknown key is valid cannot be told')
  provider.setDown(false)
  move(61_000)
  t.equal((await me(next)).status, 200)
})

let browser: Browser | undefined
t.teardown(() => browser?.close())

/** Opens the documentation, and keeps what the page complains of. */
async function openDocs (t: Test, origin: string) {
  browser ??= await launch()
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (401|403|404)/.test(message.text())) complaints.push(message.text())
  })
  await page.goto(`${origin}/docs`)
  return { page, complaints }
}

/** Executes an operation of Swagger UI on a cloud, and reads the answer that is shown. */
async function execute (page: Page, tag: string, operationId: string, cloud?: string) {
  const operation = await openOperation(page, tag, operationId)
  if (cloud !== undefined) await operation.locator('tr[data-param-name="cloud"] input').fill(cloud)
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table')
  const status = await answer.locator('.response-col_status').last().innerText()
  const body = await answer.locator('.response-col_description pre').first().innerText()
  return { status: Number(status), body: JSON.parse(body) as Record<string, any> }
}

/** Presses "Authorize", and returns the dialog that opens. */
async function openAuthorize (page: Page) {
  await page.locator('.auth-wrapper .btn.authorize').first().click()
  const dialog = page.locator('.dialog-ux')
  await dialog.waitFor()
  return dialog
}

t.test('a person signs in through Swagger UI with a key', async (t) => {
  const { app, origin } = await start(t)
  const { key } = await createKey(app, grant('read', 'team-b'))
  const { page, complaints } = await openDocs(t, origin)
  const dialog = await openAuthorize(page)
  const form = dialog.locator('.auth-container', { hasText: 'bearer' }).first()
  await form.locator('input').fill(key)
  await form.locator('button.authorize').click()
  await dialog.locator('.btn-done').first().click()
  const { status, body } = await execute(page, 'Nodes', 'listAllNodes')
  t.equal(status, 200)
  t.same(body['items'].map(({ cloud }: { cloud: string }) => cloud), ['team-b'])
  t.match(await execute(page, 'Volumes', 'listVolumes', 'team-a'), { status: 404, body: { code: 'cloud_not_found' } })
  t.same(complaints, [])
})

t.test('a person signs in through Swagger UI at the provider, by authorization code with PKCE', async (t) => {
  const { origin, api } = await start(t)
  t.equal((await api.get('/api/v2/nodes')).status, 401)
  const { page, complaints } = await openDocs(t, origin)
  const dialog = await openAuthorize(page)
  const form = dialog.locator('.auth-container', { hasText: /authorization_code with PKCE/i }).first()
  t.equal(await form.locator('input[id^=client_id]').inputValue(), publicClient, 'the settings name the client')
  // The provider refuses a request without PKCE.
  const [popup] = await Promise.all([page.waitForEvent('popup'), form.locator('button.authorize').click()])
  await popup.locator('input[name=login]').fill('ada')
  await popup.locator('input[name=password]').fill('any')
  await popup.locator('button[type=submit]').click()
  const closed = popup.waitForEvent('close')
  await popup.getByRole('button', { name: 'Continue' }).click()
  await closed
  await form.getByText('Logout').waitFor()
  await dialog.locator('.btn-done').first().click()

  // In the order of the page, which is scrolled down only.
  const { status, body } = await execute(page, 'Nodes', 'listAllNodes')
  t.equal(status, 200)
  t.same([...new Set(body['items'].map(({ cloud }: { cloud: string }) => cloud))], ['team-a'])
  t.match(await execute(page, 'Networks', 'createNetwork', 'team-a'), {
    status: 403, body: { code: 'permission_denied' }
  })
  t.match(await execute(page, 'Callers', 'getMe'), {
    status: 200, body: { kind: 'oidc', id: 'ada', grants: [grant('operate', 'team-a')] }
  })
  t.same(complaints, [])
})
