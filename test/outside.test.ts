import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { loadServer, SettingsError } from '../config/index.ts'
import { contractVersion } from '../drivers/driver.ts'
import { check } from '../plugins/clouds/check.ts'
import { renderDocument } from '../openapi/export.ts'
import { build, dummy, makeDirectory, root } from './helper/app.ts'

/** A driver of one node, as a user would write it. The options replace parts of it. */
const source = ({ name = 'acme', connection = '', list = '', connect = '' } = {}) => `
import { allowedActions, defineDriver, describe, ProblemError } from 'cloud-orchestrator/driver'

export default defineDriver({
  name: '${name}',
  title: 'Acme Cloud',
  locationSetting: 'region',
  settings: {
    type: 'object',
    required: ['token'],
    properties: { token: { type: 'string', format: 'password' }, region: { type: 'string' } },
    additionalProperties: false
  },
  createOptions: { type: 'object', properties: { rack: { type: 'string' } }, additionalProperties: false },
  connect ({ token, region = null }, { cloud, identify }) {
    ${connect}
    const toNode = (id) => ({
      ...identify('nodes', id, region),
      name: id, state: 'running', provider_state: 'on', provider_task_state: null, transitioning: false,
      allowed_actions: allowedActions('running', new Set(['destroy'])), created_at: null, updated_at: null, tags: {},
      size_id: null, image_id: null, key_pair_name: null, availability_zone: null, architecture: null,
      public_ips: [], private_ips: [], addresses: [], security_group_ids: null, volume_ids: null, lifecycle: null,
      launched_at: null, progress: null, fault: null, protected: null
    })
    return {
      cloud, driver: '${name}', host: 'acme.example', location: region,
      ids: { nodes: /^m-\\d+$/ },
      capabilities: {
        nodes: describe({
          create: { parameters: ['name', 'image_id', 'size_id', 'provider_options', 'provider_options.${name}.rack'] }
        })
      },
      nodes: {
        async list (query, call) {
          ${list}
          return { items: [toNode('m-1')], next: null }
        },
        async get (id, options, call) { return toNode(id) },
        async create (input, call) {
          return { resources: [{ kind: 'node', id: 'm-2' }], until: { states: ['running'] } }
        },
        async destroy (id, call) { return { resources: [], until: { states: [], gone: true } } }
      },
      async check () {},
      refresh () {},
      ${connection}
    }
  }
})
`

/** A folder of a user: files, and this package as npm would install it. */
function makeFolder (t: Test, files: Record<string, string>) {
  const directory = makeDirectory(t)
  mkdirSync(path.join(directory, 'node_modules'))
  symlinkSync(root, path.join(directory, 'node_modules/cloud-orchestrator'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true })
    writeFileSync(path.join(directory, name), content)
  }
  return directory
}

const token = 'a-secret-token'
const cloud = (driver: string, settings: object = {}) => ({ driver, token, timeout: 0.2, ...settings })

/** A server of the dummy cloud and of one cloud with a driver of its own. */
async function serve (t: Test, code: string, settings: object = {}) {
  const directory = makeFolder(t, { 'acme.js': code })
  const clouds = { default: dummy(), acme: cloud('./acme.js', settings) }
  const server = await build(t, { directory, clouds })
  /** The others are served. */
  const expectOthers = async (t: Test) => {
    t.equal((await server.api.get('/api/v2/clouds/default/nodes')).status, 200, 'the other cloud answers')
    t.equal((await server.api.get('/health/ready')).status, 200, 'the server is ready')
  }
  return { ...server, expectOthers }
}

/** The errors of settings whose clouds have these drivers. */
async function errorsOf (t: Test, files: Record<string, string>, drivers: string[]) {
  const directory = makeFolder(t, files)
  const clouds = Object.fromEntries(drivers.map((driver, i) => [`c${i}`, cloud(driver)]))
  const config = path.join(directory, 'settings/orchestrator.json')
  mkdirSync(path.dirname(config), { recursive: true })
  writeFileSync(config, JSON.stringify({ clouds }))
  try {
    await loadServer({ config, env: {}, cwd: '/' })
  } catch (error) {
    if (error instanceof SettingsError) return error.errors.join('\n').replaceAll(directory, '')
    throw error
  }
  throw new Error('the settings are valid')
}

t.test('a driver is a file beside the settings, a folder, or a package', async (t) => {
  const manifest = (name: string, exports: object | string) => JSON.stringify({ name, type: 'module', exports })
  const directory = makeFolder(t, {
    'drivers/file.js': source({ name: 'file' }),
    'drivers/folder/index.js': source({ name: 'folder' }),
    'drivers/folder/package.json': manifest('folder', './index.js'),
    'node_modules/@acme/orchestrator-driver/lib/index.js': source({ name: 'scoped' }),
    'node_modules/@acme/orchestrator-driver/package.json':
      manifest('@acme/orchestrator-driver', { '.': { types: './lib/index.d.ts', import: './lib/index.js' } }),
    'node_modules/orchestrator-driver-plain/index.js': source({ name: 'plain_one' }),
    'node_modules/orchestrator-driver-plain/package.json': manifest('orchestrator-driver-plain', './index.js')
  })
  const clouds = {
    file: cloud('./drivers/file.js', { region: 'north' }),
    twice: cloud('./drivers/../drivers/file.js', { locations: ['a', 'b'] }),
    folder: cloud('./drivers/folder'),
    scoped: cloud('@acme/orchestrator-driver'),
    plain: cloud('orchestrator-driver-plain')
  }
  const { app, api } = await build(t, { directory, clouds })
  const { body } = await api.get('/api/v2/clouds')
  t.same(body.items.map(({ name, driver, location }: Record<string, unknown>) => [name, driver, location]), [
    ['file', 'file', 'north'], ['twice-a', 'file', 'a'], ['twice-b', 'file', 'b'], ['folder', 'folder', null],
    ['scoped', 'scoped', null], ['plain', 'plain_one', null]
  ])
  const { body: drivers } = await api.get('/api/v2/drivers')
  const listed = drivers.items.map(({ name }: { name: string }) => name)
  for (const name of ['dummy', 'openstack', 'file', 'folder', 'scoped', 'plain_one']) t.ok(listed.includes(name), name)
  t.match((await api.get('/api/v2/drivers/scoped')).body, {
    title: 'Acme Cloud',
    clouds: ['scoped'],
    settings: {
      required: ['driver', 'token'],
      properties: { driver: { default: '@acme/orchestrator-driver' } }
    },
    create_options: { type: 'object' }
  })
  const live = app.swagger() as { components: { schemas: Record<string, { properties: object }> } }
  t.ok(live.components.schemas['PlainOneNodeOptions'], 'the live document has the options of the driver')
  t.ok('scoped' in live.components.schemas['ProviderOptions']!.properties)
  t.notMatch(await renderDocument(), /PlainOneNodeOptions/, 'the exported document does not')

  const { body: nodes } = await api.get('/api/v2/nodes')
  t.equal(nodes.items.length, 6, 'each cloud lists its node')
  t.match(nodes.items[0], { id: 'm-1', cloud: 'file', driver: 'file', self: '/api/v2/clouds/file/nodes/m-1' })
  const create = (options: object) => api.post('/api/v2/clouds/scoped/nodes', {
    name: 'web', image_id: 'i', size_id: 's', provider_options: { scoped: options }
  })
  t.equal((await create({ rack: 7 })).status, 422, 'the options are validated')
  const { status, body: operation } = await create({ rack: 'r1' })
  t.equal(status, 202)
  t.equal((await api.ended(operation)).status, 'succeeded')
  t.equal((await api.get('/api/v2/clouds/scoped/nodes/none')).status, 404, 'the pattern of ids applies')
})

const unusable: Record<string, [string, RegExp]> = {
  throws: ["throw new Error('no luck')", /its code failed while it was loaded: no luck$/],
  broken: ["import 'no-such-package'", /loaded: Cannot find package 'no-such-package' imported from .*\/broken\.js$/],
  nothing: [
    'export const x = 1',
    /its default export is undefined; expected the result of defineDriver of cloud-orchestrator\/driver$/
  ],
  nonsense: ['export default { name: "x" }', /its default export is an object; expected the result of defineDriver/],
  later: [
    'export default Object.assign(() => {}, { [Symbol.for("cloud-orchestrator.driver")]: 99 })',
    new RegExp(
      `made for version 99 of the contract of drivers, and this server has version ${contractVersion}; install`
    )
  ],
  faulty: [source({ name: 'Not A Name' }), /the driver has a defect: name must match/],
  schema: [
    source({ name: 'schema' }).replace("rack: { type: 'string' }", "rack: { $ref: '#/none' }"),
    /createOptions is not a valid schema: can't resolve reference #\/none/
  ]
}

t.test('a driver whose code cannot be used takes its own clouds down, with the reason', async (t) => {
  const files = Object.entries(unusable).map(([name, [code]]) => [`${name}.js`, code] as const)
  const directory = makeFolder(t, Object.fromEntries(files))
  const broken = Object.keys(unusable).map((name) => [name, cloud(`./${name}.js`)] as const)
  const both = cloud('./throws.js', { locations: ['a', 'b'] })
  const clouds = {
    default: dummy(),
    ...Object.fromEntries(broken),
    both,
    off: cloud('./throws.js', { enabled: false })
  }
  const { api, app } = await build(t, { directory, clouds })
  for (const [name, [, reason]] of Object.entries(unusable)) {
    const { status, body } = await api.get(`/api/v2/clouds/${name}/nodes`)
    t.match([status, body.code, body.driver], [500, 'internal_error', `./${name}.js`])
    t.match(body.detail, reason, name)
    t.match((await api.get(`/api/v2/clouds/${name}`)).body, { driver: `./${name}.js`, health: { status: 'down' } })
  }
  t.match((await api.get('/api/v2/clouds/both-b')).body.health, { status: 'down' })
  t.match((await api.get('/api/v2/clouds/off')).body.health, { status: 'disabled' })
  t.equal((await api.get('/api/v2/clouds/default/nodes')).status, 200, 'the other cloud answers')
  t.equal((await api.get('/health/ready')).status, 200, 'the server is ready')
  await app.close()
  const config = path.join(directory, 'orchestrator.json')
  const { settings, drivers } = await loadServer({ config, env: {}, cwd: '/' })
  t.match(await check(settings, drivers), { ok: false, table: /throws +\.\/throws\.js +- +down .*no luck/ })
})

t.test('the settings are refused if they name no driver, or two drivers of one name', async (t) => {
  const files = {
    'settings/openstack.js': source({ name: 'openstack' }),
    'settings/one.js': source({ name: 'same' }),
    'settings/two.js': source({ name: 'same' })
  }
  const references = ['./openstack.js', './one.js', './two.js', './missing.js', '@acme/none', 'openstak']
  const errors = await errorsOf(t, files, references)
  const expected: [string, RegExp][] = [
    [
      'openstack.js',
      /the driver has the name "openstack", which the built-in driver openstack has too; change the name/
    ],
    ['two.js', /the driver has the name "same", which \.\/one\.js has too/],
    ['missing.js', /the file \/settings\/missing\.js does not exist$/],
    ['@acme/none', /the package is not installed; run `npm install @acme\/none` in \/settings$/],
    ['openstak', /expected one of dummy, .*, the path of a file \(\.\/my-driver\.js\), or an installed package$/]
  ]
  const lines = errors.split('\n')
  t.equal(lines.length, expected.length, 'one line for each error', { errors })
  for (const [name, message] of expected) {
    const line = lines.find((one) => one.includes(`"${name}"`) || one.includes(`"./${name}"`))
    t.match(line, message, name)
    t.match(line, /settings\/orchestrator\.json: clouds\.c\d+\.driver: found /, 'the line names the setting')
  }
})

t.test('a driver that fails to connect takes its own cloud down, with the reason and without secrets', async (t) => {
  const never = 'return new Promise(() => {})'
  const cases: [string, RegExp][] = [
    ["throw new Error('cannot use ' + token)", /^The driver acme failed to connect: cannot use \*\*\*$/],
    ["return 'nonsense'", /the driver acme has a defect: connect returned a string; expected a connection$/],
    [never, /connect returned a promise; expected the connection itself. Log in with the first call instead$/],
    [
      "return { cloud, driver: 'acme', host: 7, ids: { nodes: /x/g }, nodes: new (class { list () {} })() }",
      new RegExp(
        'host must be .*location must be .*ids\\.nodes must be a regular .* check must be ' +
        '.* nodes\\.list must be a function of'
      )
    ]
  ]
  for (const [connect, detail] of cases) {
    const { app, api, directory, expectOthers } = await serve(t, source({ connect }))
    const { body } = await api.get('/api/v2/clouds/acme')
    t.match(body, { health: { status: 'down', problem: { code: 'internal_error', driver: 'acme' } }, capabilities: {} })
    t.match(body.health.problem.detail, detail)
    const answer = await api.get('/api/v2/clouds/acme/nodes')
    t.match([answer.status, answer.body.detail], [500, detail])
    t.match(answer.body.hint, /Correct the settings of the cloud or its driver/)
    const all = (await api.get('/api/v2/nodes')).body
    t.same(all.sources.map(({ cloud, status }: Record<string, string>) => [cloud, status]), [
      ['default', 'ok'], ['acme', 'error']
    ])
    await expectOthers(t)
    await app.close()
    const config = path.join(directory, 'orchestrator.json')
    const { settings, drivers } = await loadServer({ config, env: {}, cwd: directory })
    const { ok, table } = await check(settings, drivers)
    t.equal(ok, false)
    t.match(table, /acme +acme +- +down +- +internal_error: The driver acme failed to connect/)
  }
})

t.test('a result that does not fit the model is a provider_error with driver, field and expectation', async (t) => {
  const node = (change: string) =>
    `const node = toNode('m-1'); ${change}; return { items: [toNode('m-2'), node], next: null }`
  const misfit = 'The driver acme returned a value that does not fit the model:'
  const cases: [string, RegExp][] = [
    [
      node("node.state = 'on'"),
      new RegExp(`^${misfit} nodes\\.list: items\\.1\\.state is "on", must be one of pending, `)
    ],
    [node('delete node.tags'), /nodes\.list: items\.1\.tags is missing$/],
    [node('node.created_at = new Date()'), /items\.1\.created_at is an object, must be string,null$/],
    [node("node.created_at = 'yesterday'"), /items\.1\.created_at is "yesterday", must match format "date-time"$/],
    ['return [toNode("m-1")]', /nodes\.list: the result is an array, must be object$/],
    ['return { items: [] }', /next is missing$/],
    ['', /$^/]
  ]
  for (const [list, detail] of cases.slice(0, -1)) {
    const { api, expectOthers } = await serve(t, source({ list }))
    const { status, body } = await api.get('/api/v2/clouds/acme/nodes')
    t.match([status, body.code, body.driver], [502, 'provider_error', 'acme'])
    t.match(body.detail, detail)
    t.match(body.hint, /Report it to the authors of the driver/)
    await expectOthers(t)
  }
  const { api } = await serve(t, source().replace("until: { states: ['running'] }", "until: 'running'"))
  const { body } = await api.post('/api/v2/clouds/acme/nodes', { name: 'web', image_id: 'i', size_id: 's' })
  t.match(body.detail ?? body.error?.detail ?? body.phase, /until is "running", must be object|reconciling/, 'a change')
})

t.test('a driver that never answers ends at the time limit of its cloud', async (t) => {
  const { api, expectOthers } = await serve(t, source({ list: 'await new Promise(() => {})' }))
  const { status, body } = await api.get('/api/v2/clouds/acme/nodes')
  t.match([status, body.code], [504, 'provider_timeout'])
  t.equal(body.detail, 'The cloud did not answer within 0.2 s: the driver acme did not end nodes.list')
  await expectOthers(t)
  const never = '() => new Promise(() => {})'
  const hung = await serve(t, source({ connection: `check: ${never}, close: ${never}` }))
  const { health } = (await hung.api.get('/api/v2/clouds/acme')).body
  t.match(health, { status: 'down', problem: { code: 'provider_timeout' } })
  await hung.expectOthers(t)
  const create = source()
    .replace('async create (input, call) {', 'async create (input, call) { await new Promise(() => {});')
  const lost = await serve(t, create)
  const answer = await lost.api.post('/api/v2/clouds/acme/nodes', { name: 'web', image_id: 'i', size_id: 's' })
  t.match(answer.body, { kind: 'nodes.create', phase: 'reconciling' }, 'a create may have taken effect')
})

t.test('an error of another version of this package is an error of this catalog', async (t) => {
  const foreign = (code: string, status: number) => `
    throw Object.assign(new (class extends Error {
      get [Symbol.for('cloud-orchestrator.ProblemError')] () { return true }
    })('the text'), { code: '${code}', status: ${status}, details: { hint: 'do it' }, outcomeUnknown: false })`
  const get = async (list: string) => {
    const { api } = await serve(t, source({ list }))
    return (await api.get('/api/v2/clouds/acme/nodes')).body
  }
  t.match(await get(foreign('provider_haunted', 418)), {
    code: 'provider_error', status: 502, detail: 'the text (provider_haunted)', hint: 'do it', cloud: 'acme'
  })
  t.match(await get(foreign('provider_rate_limited', 418)), {
    code: 'provider_rate_limited', status: 503, detail: 'the text'
  })
  t.match(await get(foreign('toString', 409)), { code: 'provider_error' })
  t.match(await get("throw new ProblemError('provider_rate_limited', 'own')"), {
    code: 'provider_rate_limited', detail: 'own'
  })
  t.match(await get('throw new TypeError("x")'), { code: 'internal_error', detail: 'The driver of this cloud failed' })
  const partial = `(() => { try { ${foreign('strange', 1)} } catch (e) { return e } })()`
  t.match(await get(`return { items: [], next: null, partial: ${partial} }`), {
    sources: [{ status: 'partial', problem: { code: 'provider_error' } }]
  })
})

t.test('in a bare Fastify app, methods need neither a query nor a call', async (t) => {
  const { default: driver } = await import('../drivers/dummy/index.ts')
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(driver, { name: 'default', delay: 0, state_file: null })
  await app.ready()
  const { nodes, sizes, quotas, check } = app.clouds['default']!
  t.same(Object.keys(nodes!).includes('list'), true)
  const { items } = await sizes!.list()
  t.ok(items.length > 1)
  t.equal((await sizes!.list({ limit: 1 })).items.length, 1, 'a part of a query is completed')
  t.equal((await sizes!.get(items[0]!.id)).id, items[0]!.id)
  t.ok((await quotas!.list()).length > 0)
  t.equal(await check(), undefined)
  const { resources: [node] } = await nodes!.create!({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' })
  t.match(await nodes!.list({ filters: { name: ['web'] } }), { items: [{ id: node!.id }], next: null })
  await nodes!.stop!(node!.id, {})
  await nodes!.destroy!(node!.id)
  await t.rejects(nodes!.get('none'), { code: 'resource_not_found' })
})
