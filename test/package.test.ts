import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { request } from 'undici'
import { root } from './helper/app.ts'
import { installPacked, outputOf, startServer } from './helper/packed.ts'

const uses = `
import Fastify from 'fastify'
import { createApp } from 'cloud-orchestrator'
import { allowedActions, defineDriver, ProblemError, Type, type Node, type NodeState } from 'cloud-orchestrator/driver'
import { conformance, startFaultProxy, type Target } from 'cloud-orchestrator/conformance'
import dummy from 'cloud-orchestrator/drivers/dummy'

const app = Fastify()
app.register(dummy, { name: 'default' })
const { items } = await app.clouds['default']!.nodes!.list()
const first: Node | undefined = items[0]
export const state: NodeState | undefined = first?.state
export const all = [createApp, allowedActions, defineDriver, Type, conformance, startFaultProxy]
export const problem: Error = new ProblemError('in_use', 'x').with({ detail: 'y' })
export const target = {} as Target
`

/** Prints the code of a problem of a driver, if it is of the class that the package exports, and other exports. */
const sharing = `
import Fastify from 'fastify'
import { createApp } from 'cloud-orchestrator'
import { ProblemError } from 'cloud-orchestrator/driver'
import { conformance } from 'cloud-orchestrator/conformance'
import dummy from 'cloud-orchestrator/drivers/dummy'
import openstack from 'cloud-orchestrator/drivers/openstack'

const app = Fastify()
app.register(dummy, { name: 'default' })
await app.ready()
const { networks } = app.clouds.default
const refusal = await networks.get('no-such-network').catch((error) => error)
console.log(
  refusal instanceof ProblemError && refusal.code, typeof createApp, typeof conformance, openstack.driver.name
)
await app.close()
`

t.test('the packed package serves a driver of its own package, with declarations and a suite', async (t) => {
  // Not in the repository: its node_modules must not be found by way of the parent folders.
  const folder = mkdtempSync(path.join(tmpdir(), 'orchestrator-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const installed = await installPacked(folder)
  for (const name of [
    'dist/.tsbuildinfo', 'dist/app.js', 'dist/test/run.js', 'dist/test/labs/ec2', 'dist/test/conformance/todo.d.ts'
  ]) {
    t.notOk(existsSync(path.join(installed, name)), `${name} is not in the package`)
  }
  const cli = path.join(installed, 'bundle/cli.js')

  await t.test('what the package exports shares its modules with the server', async (t) => {
    const shares = path.join(folder, 'shares.mjs')
    writeFileSync(shares, sharing)
    const shared = await outputOf(process.execPath, [shares], folder)
    t.same(shared, { ok: true, text: 'resource_not_found function function openstack\n' })
  })

  const created = await outputOf(process.execPath, [cli, 'new-driver', 'zeta'], folder)
  t.match(created, { ok: true, text: /The driver is in .*orchestrator-driver-zeta\. Next: npm install and npm test/ })
  const again = await outputOf(process.execPath, [cli, 'new-driver', 'zeta'], folder)
  t.match(again, { ok: false, text: /orchestrator-driver-zeta exists; choose another name/ })
  t.match(await outputOf(process.execPath, [cli, 'new-driver', 'Not-A-Name'], folder), {
    ok: false, text: /^"Not-A-Name" cannot be the name of a driver; expected 2 to 32 lower-case letters and digits/
  })
  const driver = path.join(folder, 'orchestrator-driver-zeta')
  // npm installs a second copy of this package if the versions of the server and of the driver differ.
  mkdirSync(path.join(driver, 'node_modules'))
  cpSync(installed, path.join(driver, 'node_modules/cloud-orchestrator'), { recursive: true })

  await t.test('TypeScript finds the declarations in strict mode', async (t) => {
    writeFileSync(path.join(driver, 'uses.ts'), uses)
    const include = ['*.js', '*.ts', 'test']
    const options = { target: 'es2023', lib: ['es2023'], strict: true, checkJs: true, noEmit: true, types: ['node'] }
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    const resolutions = [
      { module: 'nodenext', moduleResolution: 'nodenext' },
      { module: 'esnext', moduleResolution: 'bundler', skipLibCheck: true }
    ]
    for (const resolution of resolutions) {
      const compilerOptions = { ...options, ...resolution }
      writeFileSync(path.join(driver, 'tsconfig.json'), JSON.stringify({ include, compilerOptions }))
      t.same(await outputOf(tsc, ['-p', driver], driver), { ok: true, text: '' }, resolution.module)
    }
    rmSync(path.join(driver, 'uses.ts'))
  })

  await t.test('the tests of the new driver pass', async (t) => {
    const { ok, text } = await outputOf('npm', ['test'], driver)
    t.ok(ok, 'npm test', { text })
    t.match(text, /# fail 0/)
    t.match(text, /nodes\.create +passed/)
  })

  await t.test('a server of the package knows the driver', async (t) => {
    const standIn = await import(pathToFileURL(path.join(driver, 'stand-in.js')).href) as {
      startStandIn (options: { token: string }): Promise<{ url: string, close (): void }>
    }
    const cloud = await standIn.startStandIn({ token: 'a-secret' })
    t.teardown(() => cloud.close())
    const env = { ZETA_ENDPOINT: cloud.url, ZETA_TOKEN: 'a-secret' }
    writeFileSync(path.join(folder, 'orchestrator.yaml'), [
      'clouds:',
      // eslint-disable-next-line no-template-curly-in-string
      '  default: { driver: ./orchestrator-driver-zeta, endpoint: "${ZETA_ENDPOINT}", token: "${ZETA_TOKEN}" }',
      // eslint-disable-next-line no-template-curly-in-string
      '  broken: { driver: ./orchestrator-driver-zeta, endpoint: "${ZETA_ENDPOINT}", token: of-another-account }'
    ].join('\n'))
    const checked = await outputOf(process.execPath, [cli, 'check'], folder, env)
    t.match(checked.text, /default +zeta +127\.0\.0\.1:\d+ +up/)
    t.match(checked.text, /broken +zeta +127\.0\.0\.1:\d+ +down +\d+ +provider_auth_failed: The token is wrong/)
    t.notMatch(checked.text, /a-secret/)

    const address = await startServer(t, cli, folder, env)
    const send = async (method: 'GET' | 'POST', url: string, input?: object) => {
      const headers = { 'content-type': 'application/json', prefer: 'wait=30' }
      const { statusCode, body } = await request(`${address}${url}`, {
        method, ...input === undefined ? {} : { headers, body: JSON.stringify(input) }
      })
      return { status: statusCode, body: await body.json() as any }
    }
    const node = { name: 'web-1', image_id: 'debian-12', size_id: 's1', provider_options: { zeta: { backups: true } } }
    const create = await send('POST', '/api/v2/clouds/default/nodes', node)
    t.match(create, { status: 200, body: { status: 'succeeded', resource: { state: 'running' } } })
    const listed = await send('GET', '/api/v2/nodes?cloud=default')
    t.match(listed.body.items, [{ name: 'web-1', driver: 'zeta', state: 'running', tags: {} }])
    // The error comes from the second copy of the package.
    t.match(await send('POST', '/api/v2/clouds/default/nodes', { ...node, name: 'web-2', image_id: 'none' }), {
      status: 422, body: { code: 'validation_failed', errors: [{ pointer: '/image_id' }], cloud: 'default' }
    })
    const { components: { schemas } } = (await send('GET', '/openapi.json')).body
    t.match(schemas.ZetaNodeOptions, { properties: { backups: { type: 'boolean' } } }, 'Swagger UI shows its options')
    t.match(schemas.ProviderOptions.properties.zeta, { $ref: '#/components/schemas/ZetaNodeOptions' })
    t.match(await send('GET', '/api/v2/drivers/zeta'), {
      status: 200, body: { title: 'Zeta', clouds: ['default', 'broken'] }
    })
  })
})
