import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { renderApiPages, renderDocument, renderExamples, renderOpenApi30 } from '../openapi/export.ts'
import { build, dummy, root } from './helper/app.ts'

interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  'x-extensible-enum'?: string[]
  'x-collection'?: string
}

interface Operation {
  operationId?: string
  parameters?: { name: string, in: string }[]
  requestBody?: { required?: boolean, content: Record<string, { schema: Schema }> }
  summary?: string
  description?: string
  tags?: string[]
  responses: Record<string, unknown>
}

t.test('the exported document is up to date; `npm run openapi` writes it', async (t) => {
  t.equal(await readFile(path.join(root, 'openapi/openapi.json'), 'utf8'), await renderDocument())
})

t.test('the document does not depend on the settings', async (t) => {
  const { app } = await build(t)
  t.same(app.swagger(), JSON.parse(await renderDocument()))
})

t.test('every operation has a unique operationId, a summary, a tag and the error responses', async (t) => {
  const { paths } = JSON.parse(await renderDocument()) as { paths: Record<string, Record<string, Operation>> }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ at: `${method} ${path}`, ...operation })))
  const names = operations.map(({ operationId }) => operationId)
  t.equal(new Set(names).size, operations.length, 'operationIds are unique')
  for (const { at, operationId, summary, description, tags, responses } of operations) {
    t.match(operationId, /^[a-z][A-Za-z]+$/, `${at} has an operationId`)
    t.ok(summary, `${at} has a summary`)
    t.ok(description && description.length > summary!.length, `${at} has a description that says more`)
    t.equal(tags?.length, 1, `${at} has a tag`)
    t.ok('4XX' in responses && '5XX' in responses, `${at} has error responses`)
  }
})

t.test('every reference in the document resolves, and every model is used', async (t) => {
  const text = await renderDocument()
  const document = JSON.parse(text) as { components: { schemas: Record<string, object> } }
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!))
  t.same([...used].filter((name) => !(name in document.components.schemas)), [], 'no reference is dangling')
  t.same(Object.keys(document.components.schemas).filter((name) => !used.has(name)), [], 'no model is unused')
  t.notMatch(text, /def-\d/, 'every component has a name')
})

/** Every schema of a document with the path to it. */
function schemasOf (node: unknown, at = '#'): { at: string, schema: Schema }[] {
  if (typeof node !== 'object' || node === null) return []
  const children = Object.entries(node)
    .flatMap(([key, child]) => key === 'example' ? [] : schemasOf(child, `${at}/${key}`))
  return Array.isArray(node) ? children : [{ at, schema: node as Schema }, ...children]
}

t.test('generated clients can use the types of the document', async (t) => {
  const document = JSON.parse(await renderDocument()) as { components: { schemas: Record<string, object> } }
  const schemas = schemasOf(document)
  const withType = (type: string) => schemas.filter(({ schema }) => [schema.type].flat().includes(type))

  const formats: Record<string, string[]> = { integer: ['int32', 'int64'], number: ['double'] }
  for (const [type, allowed] of Object.entries(formats)) {
    const without = withType(type).filter(({ schema }) => !allowed.includes(schema.format!)).map(({ at }) => at)
    t.same(without, [], `every ${type} has a format`)
  }
  const open = schemas.filter(({ schema }) => schema['x-extensible-enum'] !== undefined)
  t.ok(open.length >= 20)
  t.same(open.filter(({ schema }) => schema.enum !== undefined), [], 'an open enum is a plain string')

  const isNullableRef = ({ anyOf: [first, second, ...more] = [] }: Schema) =>
    first?.$ref !== undefined && second?.type === 'null' && more.length === 0
  const unions = schemas.filter(({ schema }) => Array.isArray(schema.anyOf) && !isNullableRef(schema))
  t.same(unions.map(({ at }) => at), [], 'anyOf serves only for a model or null')
})

t.test('an action without fields takes no body, null or {}, and refuses a field', async (t) => {
  const { app, api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
  const path = '/api/v2/clouds/{cloud}/nodes/{id}/actions/stop'
  t.equal(paths[path]!['post']!.requestBody, undefined, 'the document has no body')
  const { items: [node] } = (await api.get('/api/v2/nodes')).body
  const url = `${node.self}/actions`
  for (const body of [undefined, '', 'null', {}]) {
    t.match(await api.post(`${url}/stop`, body), { status: /^20/ }, `stop with ${JSON.stringify(body)}`)
  }
  t.match(await api.post(`${url}/stop`, { force: true }), { status: 422, body: { errors: [{ pointer: '/force' }] } })
})

t.test('null counts as an empty body wherever a body is optional', async (t) => {
  const { app, api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
  const reboot = paths['/api/v2/clouds/{cloud}/nodes/{id}/actions/reboot']!['post']!
  t.equal(reboot.requestBody?.required, false)
  const { items: [node] } = (await api.get('/api/v2/nodes')).body
  t.match(await api.post(`${node.self}/actions/reboot`, 'null'), { status: 202 })
  t.match(await api.post('/api/v2/clouds/default/floating-ips', 'null'), { status: 201 })
})

t.test('a body that needs one of several fields names them', async (t) => {
  const { app, api } = await build(t)
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
  t.equal(paths['/api/v2/clouds/{cloud}/volumes']!['post']!.requestBody!.required, true)
  const answer = await api.post('/api/v2/clouds/default/volumes', { name: 'data' })
  t.match(answer, { status: 422, body: { errors: [{ pointer: '/size', message: 'is required, or snapshot_id' }] } })
  t.equal(answer.body.errors.length, 1)
})

t.test('a problem has only codes that the document lists for the operation, and each code occurs', async (t) => {
  const document = JSON.parse(await renderDocument()) as {
    components: { responses: Record<string, { 'x-problem-codes'?: string[] }>, schemas: Record<string, Schema> }
  }
  const responses = Object.values(document.components.responses)
  const listed = new Set(responses.flatMap(({ 'x-problem-codes': codes = [] }) => codes))
  // These are written before there is an operation, or belong to no operation.
  const others = ['route_not_found', 'method_not_allowed']
  const known = document.components.schemas['ProblemCode']!['x-extensible-enum']!
  t.same(known.filter((code) => !listed.has(code)).sort(), others.sort())
})

t.test('the parameters of the path come first, and operations are in the order of their use', async (t) => {
  const { paths } = JSON.parse(await renderDocument()) as { paths: Record<string, Record<string, Operation>> }
  const sections = ['path', 'query', 'header']
  for (const [path, methods] of Object.entries(paths)) {
    for (const { operationId, parameters = [] } of Object.values(methods)) {
      const order = parameters.map(({ in: section }) => sections.indexOf(section))
      t.same(order, [...order].sort(), `${operationId} has its parameters in order`)
      const names = parameters.filter(({ in: section }) => section === 'path').map(({ name }) => `{${name}}`)
      t.same(names, path.match(/\{[^}]+\}/g) ?? [])
    }
  }
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const nodes = operations.filter(({ tags }) => tags?.[0] === 'Nodes').map(({ operationId }) => operationId)
  t.same(nodes.slice(0, 6), ['listAllNodes', 'listNodes', 'createNode', 'getNode', 'updateNode', 'destroyNode'])
})

t.test('sort and fields list their values, and an empty list parameter is refused', async (t) => {
  const { api } = await build(t)
  const nodes = '/api/v2/clouds/default/nodes'
  for (const name of ['sort', 'fields', 'state', 'image_id', 'include']) {
    const answer = { status: 422, body: { errors: [{ in: 'query', pointer: `/${name}/0` }] } }
    t.match(await api.get(`${nodes}?${name}=`), answer, `?${name}=`)
    t.match(await api.get(`${nodes}?${name}=,`), answer, `?${name}=,`)
  }
  t.match(await api.get('/api/v2/nodes?cloud='), { status: 422, body: { errors: [{ pointer: '/cloud/0' }] } })
  t.match(await api.get('/api/v2/operations?status='), { status: 422 })
})

t.test('a list with fields has a media type and a schema of its own', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 2 }) } })
  const { headers, body } = await api.get('/api/v2/nodes?fields=id,name')
  t.match(headers, { 'content-type': /^application\/vnd\.cloud-orchestrator\.partial\+json/ })
  t.same(Object.keys(body.items[0]), ['id', 'name'])
  t.match((await api.get('/api/v2/nodes')).headers, { 'content-type': /^application\/json/ })
})

t.test('the schema of the settings of a driver is a form: what has a default is not required', async (t) => {
  const { api } = await build(t)
  for (const { self } of (await api.get('/api/v2/drivers')).body.items) {
    const { settings, name } = (await api.get(self)).body
    const first = ['driver', 'enabled', 'timeout', 'max_in_flight', 'locations']
    t.match(Object.keys(settings.properties).slice(0, first.length), first)
    for (const { at, schema } of schemasOf(settings)) {
      const { properties = {}, required = [] } = schema as { properties?: Record<string, object>, required?: string[] }
      const defaulted = [required].flat().filter((key) => at !== '#' || key !== 'driver')
        .filter((key) => 'default' in (properties[key] ?? {}))
      t.same(defaulted, [], `${name} ${at} requires nothing that has a default`)
    }
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    t.ok(ajv.compile(settings), 'it is a schema')
  }
  const dummySettings = (await api.get('/api/v2/drivers/dummy')).body.settings
  t.ok(new Ajv2020({ strict: false, validateFormats: false }).validate(dummySettings, { driver: 'dummy' }))
})

t.test('a field of a request that names another resource says in which collection it is', async (t) => {
  const { paths, components } = JSON.parse(await renderDocument()) as {
    paths: Record<string, object>, components: { schemas: Record<string, object> }
  }
  const inputs = Object.entries(components.schemas).filter(([, schema]) => 'additionalProperties' in schema)
  const fields = inputs.flatMap(([name, schema]) => schemasOf(schema, name)).flatMap(({ at, schema }) =>
    Object.entries((schema as { properties?: Record<string, Schema> }).properties ?? {})
      .map(([field, of]) => ({ field, at, of: of.items ?? of })))
  const references = fields.filter(({ field }) => /(_ids?|^key_pair_name|^availability_zone|^pool)$/.test(field))
  t.ok(references.length > 25)
  for (const { field, at, of } of references) {
    // The NICs of a node have no collection of their own.
    if (field === 'nic_id') continue
    t.ok(`/api/v2/clouds/{cloud}/${of['x-collection']}` in paths, `${at}/${field} has a collection`)
  }
})

t.test('the document in OpenAPI 3.0 is current and served, and has null only as nullable', async (t) => {
  const text = renderOpenApi30(await renderDocument())
  t.equal(await readFile(path.join(root, 'openapi/openapi-3.0.json'), 'utf8'), text, '`npm run openapi` writes it')
  const { api } = await build(t)
  const { body } = await api.get('/openapi-3.0.json')
  t.same(body, JSON.parse(text))
  t.match(body.openapi, /^3\.0\./)
  const modern = schemasOf(body).filter(({ schema }) => Array.isArray(schema.type) || schema.type === 'null')
  t.same(modern.map(({ at }) => at), [])
})

interface Media { schema: Schema, example?: unknown }

t.test('every operation has an example that fits its schema', async (t) => {
  const document = JSON.parse(await renderDocument()) as { paths: Record<string, Record<string, Operation>> }
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: 'document' })
  const escape = (step: string) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))
  const check = (at: string[], { example }: Media) => {
    const validate = ajv.getSchema(`document#/${[...at, 'schema'].map(escape).join('/')}`)!
    t.ok(validate(example), `${at.join(' ')} fits`, { errors: validate.errors })
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { operationId, requestBody, responses, parameters = [] }] of Object.entries(methods)) {
      const at = ['paths', path, method]
      const body = requestBody?.content['application/json'] as Media | undefined
      if (body !== undefined) check([...at, 'requestBody', 'content', 'application/json'], body)
      const answers = Object.entries(responses as Record<string, { content?: Record<string, Media> }>)
        .filter(([status]) => status.startsWith('2'))
        .flatMap(([status, { content = {} }]) =>
          Object.entries(content).map(([type, media]) => ({ status, type, media })))
      const withExample = answers.filter(({ media }) => media.example !== undefined)
      t.equal(withExample.length, answers.length === 0 ? 0 : 1, `${operationId} has an example of its answer`)
      for (const { status, type, media } of withExample) check([...at, 'responses', status, 'content', type], media)
      const sent = parameters.filter((one) => 'example' in one).map(({ name }) => name.toLowerCase())
      t.same(sent.filter((name) => ['idempotency-key', 'if-match', 'cursor'].includes(name)), [])
    }
  }
})

t.test('the examples and the pages of docs/api are those of a run; `npm run docs` writes them', async (t) => {
  const examples = await renderExamples()
  t.equal(await readFile(path.join(root, 'openapi/examples.json'), 'utf8'), examples)
  const pages = renderApiPages(await renderDocument(), examples)
  const folder = path.join(root, 'docs/api')
  t.same((await readdir(folder)).sort(), Object.keys(pages).sort())
  for (const [name, text] of Object.entries(pages)) t.equal(await readFile(path.join(folder, name), 'utf8'), text, name)
})

t.test('the prefilled body of createNode makes a node on the default farm', async (t) => {
  const { app, api } = await build(t, { clouds: { default: dummy({ sample: true }) } })
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
  const { parameters = [], requestBody } = paths['/api/v2/clouds/{cloud}/nodes']!['post']!
  const cloud = parameters.find(({ name }) => name === 'cloud') as { example?: string }
  const body = (requestBody!.content['application/json'] as Media).example
  const answer = await api.post(`/api/v2/clouds/${cloud.example}/nodes`, body, { prefer: 'wait=30' })
  t.match(answer, { status: 200, body: { status: 'succeeded' } })
})
