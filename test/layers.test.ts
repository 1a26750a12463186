import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from './helper/app.ts'

const folders = ['config', 'drivers', 'openapi', 'plugins', 'routes']

/** Every source that belongs to the server, from the root. */
const sources = [
  ...readdirSync(root).filter((name) => /\.ts$/.test(name)),
  ...folders.flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.c?ts$/.test(name) && !name.endsWith('.d.ts') && !name.endsWith('.d.cts'))
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/'))))
]

const statement = new RegExp([
  /^(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'/,
  /^import\s*'([^']+)'/,
  /\b(?:import|require)\(\s*'([^']+)'/
].map(({ source }) => source).join('|'), 'gm')

/** What a source imports: files from the root, and packages by their names. */
function importsOf (file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = text.matchAll(statement)
  return [...found].map((match) => match.slice(1).find((one) => one !== undefined)!)
    .map((name) => name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : name)
}

const isDriver = (file: string) => /^drivers\/(?!common\/)[^/]+\//.test(file)
const driverOf = (file: string) => file.split('/')[1]
/** The drivers' own contract, which lies beside their folders, and the code that they share. */
const isContract = (file: string) => /^drivers\/(common\/)?[^/]+\.ts$/.test(file)
const within = (...places: string[]) => (file: string) => places.some((place) => file.startsWith(place))
const isOurs = (file: string) => sources.includes(file) || within(...folders.map((folder) => `${folder}/`))(file)

interface Layer {
  name: string
  holds (file: string): boolean
  /** Which of our files it may import, beside those that a file of the same driver or folder may. */
  may (imported: string, by: string): boolean
  /** Packages that it may use; all where not given. */
  packages?: RegExp
  not?: RegExp
}

/**
 * The folders of each driver, lowest first: a file imports only from its own row and the rows before it. `''` is the
 * driver's own folder.
 */
const driverFolders: Record<string, string[][]> = {
  dummy: [['engine'], ['network', 'storage'], ['nodes'], ['']],
  ec2: [['client'], ['network'], ['image'], ['compute'], ['storage'], ['']],
  openstack: [['client'], ['network', 'storage', 'image'], ['compute'], ['']]
}

/** Whether an import within one driver leads to a higher row. */
function climbs (file: string, imported: string) {
  const rows = driverFolders[driverOf(file)!]
  const isWithinDriver = isDriver(file) && isDriver(imported) && driverOf(file) === driverOf(imported)
  if (rows === undefined || !isWithinDriver) return false
  const rowOf = (name: string) => {
    const [, , folder, inner] = name.split('/')
    return rows.findIndex((row) => row.includes(inner === undefined ? '' : folder!))
  }
  return rowOf(imported) > rowOf(file)
}

const entries = new Set(['server.ts', 'cli.ts', 'openapi/export.ts'])
/** The files that make the document and its examples from a running server. */
const isGenerator = (file: string) => file.startsWith('openapi/') && !file.startsWith('openapi/model/')

const layers: Layer[] = [
  {
    name: 'the model knows nobody',
    holds: within('openapi/model/'),
    may: within('openapi/model/'),
    packages: /^#typebox(\/|$)/
  },
  {
    name: "the drivers' contract knows the model, and no driver",
    holds: isContract,
    may: (imported) => isContract(imported) || within('openapi/model/')(imported)
  },
  {
    name: 'a driver knows the model, the contract and itself; of another driver what it exports',
    holds: isDriver,
    may: (imported, by) => isContract(imported) || within('openapi/model/')(imported) ||
      (isDriver(imported) && (
        driverOf(imported) === driverOf(by) ||
        /^drivers\/[^/]+\/(index|public|public-settings)\.ts$/.test(imported)
      )),
    not: /^(@fastify\/|fastify(-plugin)?$)/
  },
  {
    name: "settings know the drivers' contract",
    holds: within('config/'),
    may: (imported) => isContract(imported) || within('config/', 'openapi/model/')(imported),
    not: /^(@fastify\/|fastify|undici)/
  },
  {
    name: 'the sender of webhooks calls the receivers itself',
    holds: (file) => file === 'plugins/webhooks/sender.ts',
    may: within('config/', 'openapi/model/', 'plugins/webhooks/failures.ts')
  },
  {
    name: "plugins know the drivers' contract, the settings, the model and each other",
    holds: within('plugins/'),
    may: (imported) => isContract(imported) || within('plugins/', 'config/', 'openapi/model/')(imported),
    not: /^undici/
  },
  {
    name: 'routes know plugins, the model and the contract, and no provider',
    holds: within('routes/'),
    may: (imported) => isContract(imported) || within('routes/', 'plugins/', 'openapi/model/')(imported),
    not: /^(undici|#kysely|libsql|node:https?$|node:net$)/
  },
  {
    name: 'what stands at the root composes',
    holds: (file) => !file.includes('/') || isGenerator(file),
    may: (imported) => !isDriver(imported)
  }
]

/** Why this import must not be; undefined where it may. */
function offence (file: string, imported: string): string | undefined {
  const layer = layers.find(({ holds }) => holds(file))
  if (layer === undefined) return 'the file belongs to no layer'
  const { name, may, packages, not } = layer
  if (!isOurs(imported)) {
    if (imported.startsWith('node:') && packages === undefined && not?.test(imported) !== true) return undefined
    return (packages?.test(imported) ?? true) && not?.test(imported) !== true ? undefined : name
  }
  if (entries.has(imported) && !(file === 'cli.ts' && imported === 'server.ts')) {
    return 'nothing imports what starts a process'
  }
  if (climbs(file, imported)) return 'a lower folder of the driver imports a higher one'
  return may(imported, file) ? undefined : name
}

t.test('every import of a source is found, and leads to a file', async (t) => {
  t.ok(sources.length > 60, 'there are sources', { sources })
  const imports = sources.flatMap((file) => importsOf(file).map((imported) => [file, imported] as const))
  t.ok(imports.length > 3 * sources.length, 'and they import')
  t.same(imports.filter(([, one]) => isOurs(one) && !existsSync(path.join(root, one))), [], 'each of our own is a file')
  const statements = (file: string) => readFileSync(path.join(root, file), 'utf8')
    .match(/^(import\b(?!\()|export (\*|\{|type \{)[^=]*?\bfrom\b)/gm) ?? []
  t.same(sources.filter((file) => importsOf(file).length < statements(file).length), [], 'no statement was overlooked')
})

for (const { name, holds } of layers) {
  t.test(name, async (t) => {
    const files = sources.filter((file) => layers.find((layer) => layer.holds(file))?.holds === holds)
    t.ok(files.length > 0, 'there are such files')
    const offences = files.flatMap((file) => importsOf(file).flatMap((imported) => {
      const why = offence(file, imported)
      return why === undefined ? [] : [`${file} imports ${imported}: ${why}`]
    }))
    t.same(offences, [])
  })
}

t.test('each source belongs to a layer', async (t) => {
  t.same(sources.filter((file) => !layers.some(({ holds }) => holds(file))), [])
})

t.test('the rules refuse what they are there to refuse', async (t) => {
  const refused: [string, string][] = [
    ['openapi/model/resources/node.ts', 'drivers/driver.ts'],
    ['openapi/model/resources/node.ts', 'fastify'],
    ['openapi/model/resources/node.ts', 'node:fs'],
    ['drivers/common/http.ts', 'drivers/openstack/client.ts'],
    ['drivers/driver.ts', 'plugins/clouds/farm.ts'],
    ['drivers/dummy/nodes.ts', 'plugins/errors.ts'],
    ['drivers/dummy/nodes.ts', 'config/index.ts'],
    ['drivers/dummy/nodes.ts', 'app.ts'],
    ['drivers/dummy/nodes.ts', 'routes/collection.ts'],
    ['drivers/dummy/nodes.ts', 'drivers/openstack/compute/nodes.ts'],
    ['drivers/openstack/network/networks.ts', 'drivers/openstack/compute/nodes.ts'],
    ['drivers/openstack/compute/nodes.ts', 'drivers/openstack/quotas.ts'],
    ['drivers/dummy/nodes.ts', 'fastify'],
    ['plugins/nodes.ts', 'drivers/dummy/index.ts'],
    ['plugins/nodes.ts', 'routes/collection.ts'],
    ['plugins/nodes.ts', 'app.ts'],
    ['plugins/nodes.ts', 'undici'],
    ['routes/v2/nodes.ts', 'drivers/openstack/index.ts'],
    ['routes/v2/nodes.ts', 'undici'],
    ['routes/v2/nodes.ts', 'config/index.ts'],
    ['config/index.ts', 'plugins/errors.ts'],
    ['config/index.ts', 'drivers/dummy/settings.ts'],
    ['app.ts', 'server.ts'],
    ['app.ts', 'drivers/dummy/index.ts'],
    ['server.ts', 'cli.ts'],
    ['plugins/openapi/index.ts', 'openapi/export.ts']
  ]
  for (const [file, imported] of refused) t.ok(offence(file, imported), `${file} → ${imported}`)
  const allowed: [string, string][] = [
    ['openapi/model/resources/node.ts', '#typebox'],
    ['drivers/openstack/compute/nodes.ts', 'drivers/openstack/client/client.ts'],
    ['drivers/openstack/compute/nodes.ts', 'drivers/driver.ts'],
    ['drivers/dummy/index.ts', 'drivers/openstack/index.ts'],
    ['drivers/openstack/compute/nodes.ts', 'node:path'],
    ['plugins/nodes.ts', 'drivers/driver.ts'],
    ['routes/v2/nodes.ts', 'plugins/clouds/index.ts'],
    ['cli.ts', 'server.ts']
  ]
  for (const [file, imported] of allowed) t.notOk(offence(file, imported), `${file} → ${imported}`)
})
