import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { build } from 'esbuild'
import { licencesOf } from './bundle-licences.js'

// Writes the server into few files (bundle/), since Node.js needs half a millisecond for each file that it imports, and
// the server with its libraries has 800. The program and the exports of the package are files of this one bundle, so
// that each module of the server exists once in a process. Drivers and routes keep their folders, in which the server
// looks for them.

const root = import.meta.dirname
const outdir = path.join(root, 'bundle')
const require = createRequire(import.meta.url)
const { dependencies } = require('./package.json')

/** Packages that the server imports when it needs them, or with code that is not JavaScript. They are not bundled. */
const external = [
  '@aws-sdk/*', '@opentelemetry/*', 'import-meta-resolve', 'jose', 'libsql', 'openstack-client', 'pg', 'pg-boss',
  'pino-pretty', 'prom-client', 'request-promise', 'standardwebhooks', 'undici'
]

const filesOf = (folder, pattern) => readdirSync(path.join(root, folder), { recursive: true })
  .filter((name) => pattern.test(name)).map((name) => `${folder}/${name}`).sort()

/** What a start with the default settings imports, beside the program itself. */
const start = [
  'app.ts', 'server.ts', 'drivers/index.ts', ...filesOf('drivers', /^\w+\/index\.ts$/), ...filesOf('routes/v2', /\.ts$/)
]
/** It runs in a thread of its own, which must not load the server. */
const thread = 'plugins/store/worker.ts'
const entries = ['cli.ts', ...start, 'test/conformance/index.ts', thread]

/** Stands for the path from the folder of a file of the bundle to bundle/. */
const up = '__PATH_TO_BUNDLE__'

/** Some modules look for files beside their own. Their place in bundle/ is the one that they have in dist/. */
function keepPlace (name, text) {
  if (!text.includes('import.meta.')) return text
  const place = JSON.stringify(name.replace(/\.ts$/, '.js'))
  const file = `joinPath(import.meta.dirname, '${up}', ${place})`
  const ofFile = text
    .replaceAll('import.meta.dirname', `folderOf(${file})`)
    .replaceAll('import.meta.filename', file)
    .replaceAll('import.meta.url', `urlOf(${file}).href`)
  return 'import { dirname as folderOf, join as joinPath } from "node:path"; ' +
    `import { pathToFileURL as urlOf } from "node:url"; ${ofFile}`
}

/** Packages of packages, with the one that depends on them. */
const dependents = { pino: 'fastify', 'thread-stream': 'pino' }

/** The code that finds the main file of a package, as the packages that depend on it do. */
const findMain = (name) => dependents[name] === undefined
  ? `require.resolve("${name}")`
  : `require("module").createRequire(${findMain(dependents[name])}).resolve("${name}")`

/** The same for a CommonJS module of a package: the files beside it are in the installed package. */
function keepPackagePlace (file, text) {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)
  const isDirect = dependencies[name] !== undefined
  const main = isDirect || name in dependents ? require.resolve(name) : ''
  if (main.split(`/${name}/`)[0] !== file.split(`/${name}/`)[0]) {
    throw new Error(`${file} looks for files beside it, which the bundle cannot find`)
  }
  const place = JSON.stringify(path.relative(path.dirname(main), file))
  return text
    .replaceAll(/\b__dirname\b/g, '(require("path").dirname(ownPlace()))')
    .replaceAll(/\b__filename\b/g, '(ownPlace())') +
    `\nfunction ownPlace () { return require("path").join(${findMain(name)}, "..", ${place}) }`
}

/** The source maps are for our own code. */
const noMap = `//# sourceMappingURL=data:application/json;base64,${
  Buffer.from(JSON.stringify({ version: 3, sources: ['package'], names: [], mappings: 'AAAA' })).toString('base64')}`

/** `withStart` has the modules that import all of the start, so that it becomes one file instead of many. */
const sources = (withStart) => ({
  name: 'sources',
  setup (build) {
    build.onResolve({ filter: /^#/ }, ({ path: name, ...options }) =>
      build.resolve(name.slice(1), { ...options, kind: 'import-statement' }))
    build.onResolve({ filter: /^yaml$/ }, () => ({ path: path.join(root, 'node_modules/yaml/browser/index.js') }))
    build.onResolve({ filter: /^start$/, namespace: 'file' }, () => ({ path: 'start', namespace: 'start' }))
    build.onLoad({ filter: /./, namespace: 'start' }, () => ({
      contents: start.map((name) => `import './${name}'`).join('\n'), resolveDir: root
    }))
    build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const name = path.relative(root, file)
      const text = keepPlace(name, readFileSync(file, 'utf8'))
      return { contents: withStart.has(name) ? `${text}\nimport 'start'` : text, loader: 'ts' }
    })
    // The tables of media types have 290 kB, which V8 reads faster as JSON than as literals.
    build.onLoad({ filter: /node_modules.*\.json$/ }, ({ path: file }) => {
      const text = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')))
      return { contents: `module.exports = JSON.parse(${JSON.stringify(text)})`, loader: 'js' }
    })
    build.onLoad({ filter: /node_modules.*\.c?js$/ }, ({ path: file }) => {
      const text = readFileSync(file, 'utf8')
      const placed = /\b__(dirname|filename)\b/.test(text) ? keepPackagePlace(file, text) : text
      return { contents: `${placed}\n${noMap}`, loader: 'js' }
    })
  }
})

const bundle = (withStart) => build({
  entryPoints: entries,
  outdir,
  absWorkingDir: root,
  entryNames: '[dir]/[name]',
  chunkNames: 'parts/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external,
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  sourcemap: 'linked',
  sourcesContent: false,
  write: false,
  metafile: true,
  plugins: [sources(withStart)],
  logLevel: 'warning'
})

/** The modules that a module imports at once, and they import. */
function reachedFrom (name, inputs, found = new Set()) {
  if (found.has(name)) return found
  found.add(name)
  for (const { path, kind, external } of inputs[name]?.imports ?? []) {
    if (kind !== 'dynamic-import' && !external) reachedFrom(path, inputs, found)
  }
  return found
}

const { metafile: { inputs } } = await bundle(new Set())
const importedLater = Object.values(inputs).flatMap(({ imports }) => imports)
  .filter(({ kind, external }) => kind === 'dynamic-import' && !external).map(({ path }) => path)
const withoutStart = new Set([...reachedFrom(thread, inputs), 'workers.ts'])
const withStart = new Set([...start, 'test/conformance/index.ts', ...importedLater]
  .filter((name) => !withoutStart.has(name)))

const { outputFiles } = await bundle(withStart)
const unfinished = `${outdir}-${process.pid}`
for (const { path: built, text } of outputFiles) {
  const name = path.relative(outdir, built)
  const file = path.join(unfinished, name)
  const depth = name.split(path.sep).length - 1
  // CommonJS modules need `require`, which a module of the other kind does not have.
  const head = text.includes('typeof require')
    ? 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url); '
    : ''
  mkdirSync(path.dirname(file), { recursive: true })
  const placed = text.replaceAll(up, '../'.repeat(depth) || '.')
  writeFileSync(file, file.endsWith('.js') && !placed.startsWith('#!') ? head + placed : placed)
}
writeFileSync(path.join(unfinished, 'LICENSES.txt'), licencesOf(Object.keys(inputs)))
rmSync(outdir, { recursive: true, force: true })
renameSync(unfinished, outdir)
