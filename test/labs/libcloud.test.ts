import { readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { build } from '../helper/app.ts'
import { run } from '../helper/packed.ts'
import { checkTable } from './libcloud/table.ts'
import { folder, installed, python, sources } from './libcloud/installed.ts'

t.setTimeout(500_000)

const readJson = (name: string): unknown => JSON.parse(readFileSync(path.join(sources, name), 'utf8'))

/** Class of Libcloud → the module and the test case of Libcloud that make its driver. */
const recorded = readJson('recorded.json') as Record<string, [module: string, name: string]>

/** Class of Libcloud → what the recorded files of its provider say, by the documentation of the provider. */
const expected = readJson('expected-states.json') as Record<string, {
  /** The documentation of the status. */
  source: string
  /** Id → the status in the file, and the state that it means. */
  nodes: Record<string, [status: string, state: string]>
}>

const collections = ['nodes', 'sizes', 'images', 'locations', 'volumes', 'key-pairs'] as const

t.test("the expected states are those of the recorded files, by the providers' documentation", async (t) => {
  const fixtures = await run(python, ['-c', 'import libcloud.test, os; print(os.path.dirname(libcloud.test.__file__))'])
  const { stdout } = await run(python, [
    path.join(sources, 'expected.py'), path.join(fixtures.stdout.trim(), 'compute/fixtures')
  ])
  t.same(JSON.parse(stdout), expected)
  t.ok(Object.values(expected).every(({ source, nodes }) => source !== '' && Object.keys(nodes).length > 0))
})

t.test('the drivers of Libcloud answer from its recorded answers', async (t) => {
  t.setTimeout(400_000)
  const nameOf = (name: string) => name.toLowerCase().replaceAll('_', '-')
  const clouds = Object.fromEntries(Object.entries(recorded).map(([name, testCase]) => [nameOf(name), {
    driver: 'process',
    command: [python, path.join(sources, 'recorded.py'), ...testCase],
    start_seconds: 120,
    timeout: 60
  }]))
  const { api } = await build(t, { clouds })
  const table: Record<string, string[]> = {}
  let right = 0

  const readOne = async (name: string) => {
    const base = `/api/v2/clouds/${nameOf(name)}`
    const cells: string[] = []
    for (const collection of collections) {
      const { status, body } = await api.get(`${base}/${collection}?limit=1000`)
      if (status !== 200) {
        const { code, provider_error: own } = body
        cells.push(code === 'not_supported' ? '–' : own?.code ?? code)
        continue
      }
      const { items } = await api.walk(`${base}/${collection}?limit=1000`)
      cells.push(String(items.length))
      if (collection !== 'nodes') continue
      const states = Object.fromEntries(items.map(({ id, state }) => [id, state]))
      const { nodes = {} } = expected[name] ?? {}
      const wanted = Object.fromEntries(Object.entries(nodes).map(([id, [, state]]) => [id, state]))
      if (Object.keys(wanted).length === 0) continue
      t.same(states, wanted, name)
      if (isDeepStrictEqual(states, wanted)) right++
    }
    table[name] = cells
  }

  const names = Object.keys(recorded)
  const next = async (): Promise<void> => {
    const name = names.shift()
    if (name === undefined) return
    await readOne(name)
    return next()
  }
  await Promise.all([next(), next(), next()])
  t.ok(right >= 45, 'the nodes of 45 classes or more are listed with the right states', { right })
  t.comment(`${right} classes list their nodes with the right states`)
  checkTable(t, table)

  // The recorded answers do not change, so only the answer to the request shows the new tags.
  for (const name of ['ec2nodedriver', 'cloudstacknodedriver']) {
    const { body: { items: [{ self, tags }] } } = await api.get(`/api/v2/clouds/${name}/nodes`)
    const [old] = Object.keys(tags)
    const { status, body } = await api.patch(self, { tags: { env: 'test', ...old !== undefined && { [old]: null } } })
    const { [old ?? '']: _, ...others } = tags
    t.match({ status, tags: body.tags }, { status: 200, tags: { ...others, env: 'test' } }, name)
    t.notOk(Object.keys(body.tags ?? {}).includes(old ?? 'none'), 'a tag that is null is removed')
  }
})

t.test("Libcloud's LIBVIRT lists, stops, starts and reboots a domain of libvirt", async (t) => {
  const { api } = await build(t, {
    clouds: {
      default: {
        ...installed,
        python: path.join(folder, 'debian/bin/python'),
        provider: 'libvirt',
        arguments: { uri: 'test:///default' }
      }
    }
  })
  const { body: { items: [node] } } = await api.get('/api/v2/clouds/default/nodes')
  t.match(node, { name: 'test', state: 'running', provider_state: '1' })
  t.notOk(node.allowed_actions.includes('destroy'), 'its destroy_node only powers off')
  t.match((await api.delete(node.self)).body, { status: 501, capability: 'nodes.destroy' })
  for (const [verb, state] of [['stop', 'stopped'], ['start', 'running'], ['reboot', 'running']] as const) {
    t.match(await api.ended((await api.post(`${node.self}/actions/${verb}`)).body), { status: 'succeeded' }, verb)
    t.match((await api.get(node.self)).body, { state })
  }
})

t.test('providers are listed with their arguments and capabilities', async (t) => {
  const { api } = await build(t, {
    clouds: { default: { driver: 'dummy' } }, settings: { store: { file: path.join(folder, 'data/lab.db') } }
  })
  const { body } = await api.get('/api/v2/drivers/libcloud')
  t.equal(body.providers.length, 49)
  t.match((await api.get('/api/v2/drivers/libcloud/providers/digitalocean')).body, {
    name: 'digitalocean',
    native: null,
    arguments: [{ name: 'key', required: true }],
    capabilities: { 'nodes.create': { parameters: Array }, 'nodes.stop': {} }
  })
  t.match((await api.get('/api/v2/drivers/libcloud/providers/ec2')).body, { native: 'ec2' })
  const providers = body.providers as { name: string, capabilities: Record<string, { parameters: string[] }> }[]
  const withTags = providers.filter(({ capabilities }) => capabilities['nodes.update']?.parameters.includes('tags'))
    .map(({ name }) => name)
  t.same(withTags, [
    'aurora_compute', 'azure_arm', 'cloudstack', 'ec2', 'eucalyptus', 'exoscale', 'ikoula', 'ktucloud', 'openstack',
    'outscale_inc', 'outscale_sas', 'rackspace'
  ], 'tags are changed where the signature of the method is known, and where it does something')
  t.match((await api.get('/api/v2/drivers/libcloud/providers/none')).body, {
    code: 'resource_not_found', hint: /lists its providers/
  })
})
