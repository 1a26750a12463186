import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { root } from '../helper/app.ts'
import { installPacked, outputOf, run, startServer } from '../helper/packed.ts'
import { launch, openOperation, schemaText } from './browser.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { tool } from './python.ts'

/** The driver of test/labs/hetzner, as a package beside the packed and installed package of this repository. */

interface StandIn { url: string, close (): void }

const source = path.join(root, 'test/labs/hetzner')

async function startStandIn (t: Test): Promise<StandIn> {
  const { startStandIn: start } = await import(pathToFileURL(path.join(source, 'stand-in/index.js')).href) as {
    startStandIn (options: { token: string }): Promise<StandIn>
  }
  const cloud = await start({ token: 'a-secret' })
  t.teardown(() => cloud.close())
  return cloud
}

t.test('the driver for Hetzner Cloud is a package of its own', async (t) => {
  // Not in the repository: its node_modules must not be found by way of the parent folders.
  const folder = mkdtempSync(path.join(tmpdir(), 'orchestrator-hetzner-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const cli = path.join(await installPacked(folder), 'bundle/cli.js')
  const driver = path.join(folder, 'orchestrator-driver-hetzner')
  cpSync(source, driver, { recursive: true, filter: (file) => path.basename(file) !== 'node_modules' })

  await t.test('its types are right in strict mode', async (t) => {
    writeFileSync(path.join(driver, 'tsconfig.json'), JSON.stringify({
      include: ['*.js', 'stand-in', 'test'],
      compilerOptions: {
        target: 'es2023',
        lib: ['es2023'],
        types: ['node'],
        module: 'nodenext',
        strict: true,
        checkJs: true,
        noEmit: true,
        skipLibCheck: true
      }
    }))
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    t.same(await outputOf(tsc, ['-p', driver], driver), { ok: true, text: '' })
  })

  await t.test('its own tests pass, with the conformance suite', async (t) => {
    const { ok, text } = await outputOf('npm', ['test'], driver)
    t.ok(ok, 'npm test', { text })
    t.match(text, /# fail 0/)
    for (const service of ['nodes', 'images', 'key_pairs', 'networks', 'security_groups', 'floating_ips', 'volumes']) {
      t.match(text, new RegExp(`${service}\\.create +passed`))
    }
  })

  await t.test('a server finds a lost create, and reports an action that failed', async (t) => {
    const cloud = await startStandIn(t)
    const proxy = await startFaultProxy({ targets: { cloud: new URL(cloud.url).origin } })
    t.teardown(() => proxy.close())
    // By the name of the package.
    mkdirSync(path.join(folder, 'node_modules'), { recursive: true })
    cpSync(driver, path.join(folder, 'node_modules/orchestrator-driver-hetzner'), { recursive: true })
    const endpoint = `${proxy.urls['cloud']}/v1`
    writeFileSync(path.join(folder, 'orchestrator.yaml'), [
      'clouds:',
      `  default: { driver: orchestrator-driver-hetzner, endpoint: "${endpoint}", token: a-secret }`,
      `  broken: { driver: orchestrator-driver-hetzner, endpoint: "${endpoint}", token: of-another-project }`
    ].join('\n'))
    const checked = await outputOf(process.execPath, [cli, 'check'], folder)
    t.match(checked.text, /default +hetzner +127\.0\.0\.1:\d+ +up/)
    t.match(checked.text, /broken +hetzner +127\.0\.0\.1:\d+ +down +\d+ +provider_auth_failed: unable to authenticate/)
    t.notMatch(checked.text, /a-secret/)

    const address = await startServer(t, cli, folder, {})
    const send = async (method: 'GET' | 'POST', url: string, input?: object) => {
      const headers = { 'content-type': 'application/json', prefer: 'wait=30' }
      const { statusCode, body } = await request(`${address}${url}`, {
        method, ...input === undefined ? {} : { headers, body: JSON.stringify(input) }
      })
      return { status: statusCode, body: await body.json() as any }
    }
    const rule = proxy.addRule({ method: 'POST', path: '/v1/servers', times: 1, swallow: true })
    const node = { name: 'web-1', image_id: '114690387', size_id: 'cx23' }
    const create = await send('POST', '/api/v2/clouds/default/nodes', node)
    t.equal(rule.hits, 1)
    t.match(create, { status: 200, body: { status: 'succeeded', resource: { state: 'running' } } })
    const { body: { items } } = await send('GET', '/api/v2/nodes?cloud=default')
    t.match(items, [{ name: 'web-1', tags: {} }])
    t.equal(items.length, 1, 'one node was made')

    const actions = `${items[0].self}/actions`
    t.match(await send('POST', `${actions}/stop`, {}), { body: { status: 'succeeded' } })
    // The server type of which the stand-in has none left: the action fails, and the node is stopped as before.
    const resize = await send('POST', `${actions}/resize`, { size_id: 'ccx63' })
    t.match(resize.body, {
      status: 'failed', error: { code: 'provider_error', provider_error: { code: 'resource_unavailable' } }
    })
    t.match(await send('GET', items[0].self), {
      body: { state: 'stopped', size_id: 'cx23', fault: { code: 'resource_unavailable' } }
    })
    const start = await send('POST', `${actions}/start`, {})
    t.match(start, { body: { status: 'succeeded' } }, 'the next action is another one')
    const { components: { schemas } } = (await send('GET', '/openapi.json')).body
    t.match(schemas.HetznerNodeOptions, { properties: { placement_group: { type: 'integer' } } })

    const browser = await launch()
    t.teardown(() => browser.close())
    const page = await browser.newPage()
    await page.goto(`${address}/docs`)
    const createNode = await openOperation(page, 'Nodes', 'createNode')
    const shown = await schemaText(createNode, ['provider_options', 'hetzner', 'placement_group'])
    t.match(shown, /placement_group[^]*integer/, 'Swagger UI shows the options of the driver')
  })
})

t.test('hcloud, the client for Python, accepts the stand-in', async (t) => {
  const cloud = await startStandIn(t)
  const { stdout } = await run(tool('python'), [path.join(source, 'hcloud_check.py'), cloud.url, 'a-secret'])
  t.match(JSON.parse(stdout), {
    refused: 'unauthorized',
    sizes: { cx23: [2, 4, 40], cx33: [4, 8, 80] },
    price: '0.0060000000',
    image: 114690389,
    key_twice: 'uniqueness_error',
    subnet: ['10.0.1.0/24', '10.0.0.1'],
    initializing: 'initializing',
    server: ['running', 'fsn1', 'cx23', 'debian-12', { env: 'test' }],
    private: '10.0.1.2',
    firewall: true,
    selected: ['web-1'],
    not_selected: [],
    name_twice: 'uniqueness_error',
    password: true,
    pages: ['web-1', 'web-2'],
    no_room: 'resource_unavailable',
    resized: ['running', 'cx33'],
    commands: ['reboot_server', 'start_server'],
    volume: ['available', true],
    volume_in_use: 'conflict',
    volume_size: 20,
    floating: [true],
    snapshot: [['before', 'available']],
    protected: 'protected',
    renamed: 'web-3',
    firewall_in_use: 'resource_in_use',
    gone: 'not_found',
    left: ['web-2']
  })
})

t.test('hcloud-go, the client for Go, accepts the stand-in', async (t) => {
  const cloud = await startStandIn(t)
  const check = path.join(t.testdir(), 'check')
  // Go is that of the SDK lab, if there is one.
  const PATH = `${path.join(root, '.tools/python/bin')}${path.delimiter}${process.env['PATH']}`
  const cwd = path.join(source, 'hcloud-go')
  const built = await outputOf('go', ['build', '-o', check, '.'], cwd, { PATH, HOME: process.env['HOME'] ?? cwd })
  t.ok(built.ok, 'it compiles; Go 1.25 or later is needed: bash test/labs/sdk/install', { built })
  const { stdout } = await run(check, [cloud.url, 'a-secret'])
  t.match(JSON.parse(stdout), {
    refused: 'unauthorized',
    size: [2, 4, 40, '0.0060000000'],
    location: ['Falkenstein', 'eu-central'],
    fingerprint: 47,
    server: ['running', 'fsn1', 'debian-12', 'test'],
    private: '10.1.1.2',
    name_twice: 'uniqueness_error',
    firewall: ['443', 1],
    volume: ['available', true],
    floating: true,
    stopped: 'off',
    left: [0, null]
  })
})
