import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { build, dummy } from './helper/app.ts'
import type { Api, ApiResponse, RequestOptions } from './helper/api.ts'

/** Every call to `broken` fails: what is refused there as it is elsewhere was refused before any call. */
const clouds = {
  default: dummy({ nodes: 2 }),
  broken: dummy({ faults: [{ on: '*', kind: 'error' }] }),
  off: dummy({ enabled: false })
}

type Method = Parameters<Api['request']>[0]

interface Case extends RequestOptions {
  title: string
  method?: Method
  /** Below a cloud, or from the root where it begins with `/api` or `/health`. */
  path: string
  status: number
  code: string
  /** Part and pointer of each field at fault, all of them and no other. */
  errors?: string[]
}

const fieldsOf = ({ body: { errors = [] } }: ApiResponse) =>
  [...new Set((errors as { in: string, pointer: string }[]).map(({ in: part, pointer }) => `${part}${pointer}`))].sort()

/**
 * Sends each to a cloud that works and to one where every call fails: the answer must be the same, and nothing be done.
 */
async function refuses (t: Test, cases: Case[]) {
  const { api } = await build(t, { clouds })
  for (const { title, method = 'GET', path, status, code, errors, ...options } of cases) {
    for (const cloud of path.startsWith('/api') ? [''] : ['default', 'broken']) {
      const url = cloud === '' ? path : `/api/v2/clouds/${cloud}${path}`
      const answer = await api.request(method, url, options)
      const { body } = answer
      t.same({
        status: answer.status,
        code: body.code,
        fields: errors && fieldsOf(answer),
        request_id: body.request_id,
        helps: body.detail !== '' && body.hint !== ''
      }, {
        status,
        code,
        fields: errors?.toSorted(),
        request_id: answer.headers['x-request-id'],
        helps: true
      }, `${title}: ${status}`, { cloud, body })
    }
  }
  await nothingDone(t, api)
}

async function nothingDone (t: Test, api: Api) {
  const { body } = await api.get('/api/v2/clouds/default/nodes')
  t.equal(body.total, 2, 'there are as many nodes as before')
  t.same((await api.get('/api/v2/operations')).body.items, [], 'there is no operation')
}

const valid = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
const post = { method: 'POST', path: '/nodes' } as const
/** An id that could be one; below each cloud. */
const node = '/nodes/node-00000001'
const absent = '/api/v2/operations/01890000-0000-7000-8000-000000000000'
const disabled = { status: 503, code: 'cloud_disabled' }
const json = { 'content-type': 'application/json' }
const invalid = { status: 422, code: 'validation_failed' }
const unparsed = { status: 400, code: 'invalid_request' }
const untyped = { status: 415, code: 'unsupported_media_type' }
const nowhere = { status: 404, code: 'route_not_found' }
const wrongMethod = { status: 405, code: 'method_not_allowed' }
const cloudless = { status: 404, code: 'cloud_not_found' }

t.test('what is no JSON, or not of the type that is spoken here, is not parsed', (t) =>
  refuses(t, [
    { ...post, title: 'half an object', headers: json, body: '{"name": "web"', ...unparsed },
    { ...post, title: 'a word', headers: json, body: 'nodes', ...unparsed },
    { ...post, title: 'two objects', headers: json, body: '{}{}', ...unparsed },
    { ...post, title: 'a comment', headers: json, body: '{} // none', ...unparsed },
    { ...post, title: '__proto__', headers: json, body: '{"__proto__": {"name": "web"}}', ...unparsed },
    {
      ...post,
      title: '__proto__ within tags',
      headers: json,
      body: JSON.stringify(valid).replace('}', ',"tags":{"__proto__":{"a":"b"}}}'),
      ...unparsed
    },
    {
      ...post,
      title: 'the prototype of a constructor',
      headers: json,
      body: '{"constructor": {"prototype": {"name": "web"}}}',
      ...unparsed
    },
    {
      ...post,
      title: 'plain text',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify(valid),
      ...untyped
    },
    {
      ...post,
      title: 'a form',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'name=web',
      ...untyped
    },
    { ...post, title: 'no type', headers: { 'content-type': '' }, body: JSON.stringify(valid), ...untyped },
    {
      ...post,
      title: 'a type like JSON',
      headers: { 'content-type': 'application/jsonp' },
      body: JSON.stringify(valid),
      ...untyped
    },
    {
      ...post,
      title: 'a megabyte and more',
      body: { ...valid, user_data: 'x'.repeat(1024 * 1024) },
      status: 413,
      code: 'payload_too_large'
    }
  ])
)

t.test('a body that is no object is refused as a whole', (t) =>
  refuses(
    t,
    // null is the same as an empty body.
    ['[]', '[{}]', '"web"', '7', 'true'].flatMap((body) => [
      { ...post, title: `POST of ${body}`, headers: json, body, ...invalid, errors: ['body'] },
      { title: `PATCH of ${body}`, method: 'PATCH', path: node, headers: json, body, ...invalid, errors: ['body'] },
      {
        title: `an action with ${body}`,
        method: 'POST',
        path: `${node}/actions/stop`,
        headers: json,
        body,
        ...invalid,
        errors: ['body']
      }
    ])
  )
)

const odd: Record<string, string> = {
  NUL: 'web\0',
  ESC: 'web\u001b[31m',
  'a control character of C1': 'web\u0085',
  'a line separator': 'web\u2028',
  'a bidirectional override': 'web\u202egnp',
  'a bidirectional isolate': 'web\u2066x'
}

t.test('control characters in names and tags are refused', (t) => refuses(t, [
  ...Object.entries({ ...odd, 'a line break': 'web\n1', 'a tab': 'web\t1' }).flatMap(([title, text]): Case[] => [
    { ...post, title: `a name with ${title}`, body: { ...valid, name: text }, ...invalid, errors: ['body/name'] },
    {
      ...post,
      title: `a tag's name with ${title}`,
      body: { ...valid, tags: { [text]: 'x' } },
      ...invalid,
      errors: [`body/tags/${text}`]
    },
    {
      title: `a patch with ${title}`,
      method: 'PATCH',
      path: node,
      body: { name: text },
      ...invalid,
      errors: ['body/name']
    },
    {
      title: `an upload with ${title}`,
      method: 'POST',
      path: `/images/upload?disk_format=raw&name=${encodeURIComponent(text)}`,
      headers: { 'content-type': 'application/octet-stream' },
      body: 'x',
      ...invalid,
      errors: ['query/name']
    }
  ]),
  ...Object.entries(odd).flatMap(([title, text]): Case[] => [
    {
      ...post,
      title: `a tag with ${title}`,
      body: { ...valid, tags: { a: text } },
      ...invalid,
      errors: ['body/tags/a']
    },
    {
      title: `a patch of a tag with ${title}`,
      method: 'PATCH',
      path: node,
      body: { tags: { a: text, b: null } },
      ...invalid,
      errors: ['body/tags/a']
    }
  ])
]))

t.test('half of a surrogate pair is refused wherever it is', (t) => refuses(t, [
  { ...post, title: 'in a name', body: { ...valid, name: 'a\ud800' }, ...invalid, errors: ['body/name'] },
  {
    ...post,
    title: 'in two fields',
    body: { ...valid, name: '\udc00a', user_data: '\ud83d' },
    ...invalid,
    errors: ['body/name', 'body/user_data']
  },
  {
    ...post,
    title: 'in a list',
    body: { ...valid, security_group_ids: ['sg', '\ud83d'] },
    ...invalid,
    errors: ['body/security_group_ids/1']
  },
  { ...post, title: "in a tag's name", body: { ...valid, tags: { '\ud83d': 'x' } }, ...invalid, errors: ['body/tags'] },
  {
    title: 'in a patch',
    method: 'PATCH',
    path: node,
    body: { tags: { 'a/b': '\ud83d' } },
    ...invalid,
    errors: ['body/tags/a~1b']
  }
]))

const notFinite = ['Infinity', '-Infinity', '1e400', 'NaN']
t.test('numbers that are not finite are refused', (t) => refuses(t, notFinite.flatMap((value): Case[] => [
  { title: `a page of ${value}`, path: `/nodes?limit=${value}`, ...invalid, errors: ['query/limit'] },
  {
    title: `a page of ${value} over all clouds`,
    path: `/api/v2/nodes?limit=${value}`,
    ...invalid,
    errors: ['query/limit']
  },
  {
    title: `operations: a page of ${value}`,
    path: `/api/v2/operations?limit=${value}`,
    ...invalid,
    errors: ['query/limit']
  },
  { title: `a wait of ${value}`, path: `${absent}?wait=${value}`, ...invalid, errors: ['query/wait'] },
  {
    ...post,
    title: `a volume of ${value}`,
    headers: json,
    body: JSON.stringify(valid).replace('}', ',"root_volume":{"size":1e400}}'),
    ...invalid,
    errors: ['body/root_volume/size']
  },
  {
    title: `an upload for ${value}`,
    method: 'POST',
    path: `/images/upload?disk_format=raw&name=a&min_ram=${value}`,
    headers: { 'content-type': 'application/octet-stream' },
    body: 'x',
    ...invalid,
    errors: ['query/min_ram']
  }
])))

const headersOfUploads = [{}, { 'content-type': 'application/octet-stream' }, json]
t.test('an upload needs a file', (t) => refuses(t, headersOfUploads.map((headers): Case => ({
  title: `with ${JSON.stringify(headers)}`,
  method: 'POST',
  path: '/images/upload?disk_format=raw&name=a',
  headers,
  ...invalid,
  errors: ['body']
}))))

t.test('every field at fault is named at once', (t) =>
  refuses(t, [
    { ...post, title: 'nothing', body: {}, ...invalid, errors: ['body/name', 'body/image_id', 'body/size_id'] },
    { ...post, title: 'no body at all', ...invalid, errors: ['body/name', 'body/image_id', 'body/size_id'] },
    {
      ...post,
      title: 'wrong types, of which none is coerced',
      body: {
        name: 1,
        image_id: null,
        size_id: ['dummy.small'],
        availability_zone: true,
        user_data: {},
        tags: { a: 1, b: 'fits' },
        count: '2',
        protected: 'true',
        networks: { network_id: 'net-private' },
        security_group_ids: 'sg',
        root_volume: [],
        provider_options: 'none'
      },
      ...invalid,
      errors: [
        'body/name',
        'body/image_id',
        'body/size_id',
        'body/availability_zone',
        'body/user_data',
        'body/tags/a',
        'body/count',
        'body/protected',
        'body/networks',
        'body/security_group_ids',
        'body/root_volume',
        'body/provider_options'
      ]
    },
    {
      ...post,
      title: 'unknown fields on every level',
      body: {
        ...valid,
        flavor: 'm1',
        Name: 'x',
        networks: [{ network_id: 'net-private', uuid: 1 }],
        root_volume: { gb: 1 },
        provider_options: { dummy: { colour: 'red' }, nebula: {} }
      },
      ...invalid,
      errors: [
        'body/flavor',
        'body/Name',
        'body/networks/0/uuid',
        'body/root_volume/gb',
        'body/provider_options/dummy/colour',
        'body/provider_options/nebula'
      ]
    },
    {
      ...post,
      title: 'values out of bounds',
      body: {
        name: ' ',
        image_id: '',
        size_id: 'x'.repeat(256),
        count: 0,
        tags: { a: 'x'.repeat(1025) },
        networks: [{}],
        root_volume: { size: 0.5 }
      },
      ...invalid,
      errors: [
        'body/name',
        'body/image_id',
        'body/size_id',
        'body/count',
        'body/tags/a',
        'body/networks/0',
        'body/root_volume/size'
      ]
    },
    {
      ...post,
      title: 'a field whose name needs escaping in a pointer',
      body: { ...valid, 'a/b~c': 1 },
      ...invalid,
      errors: ['body/a~1b~0c']
    },
    {
      ...post,
      title: 'lists within lists, a hundred thousand deep',
      headers: json,
      body: `{"name": ${'['.repeat(1e5)}${']'.repeat(1e5)}, "image_id": "i", "size_id": "s"}`,
      ...invalid,
      errors: ['body/name']
    },
    { title: 'an empty patch', method: 'PATCH', path: node, body: {}, ...invalid, errors: ['body'] },
    {
      title: 'a patch of what cannot be patched',
      method: 'PATCH',
      path: node,
      body: { state: 'stopped', name: null, protected: null },
      ...invalid,
      errors: ['body/state', 'body/name', 'body/protected']
    },
    {
      title: 'an action with a field of another',
      method: 'POST',
      path: `${node}/actions/stop`,
      body: { type: 'hard' },
      ...invalid,
      errors: ['body/type']
    },
    {
      title: 'a reboot of a kind there is not',
      method: 'POST',
      path: `${node}/actions/reboot`,
      body: { type: 'warm' },
      ...invalid,
      errors: ['body/type']
    },
    {
      title: 'a resize without a size',
      method: 'POST',
      path: `${node}/actions/resize`,
      ...invalid,
      errors: ['body/size_id']
    }
  ])
)

t.test('queries that do not fit are refused, field by field', (t) =>
  refuses(t, [
    ...['0', '-1', '1001', '1.5', 'many', ''].map((limit) => ({
      title: `limit=${limit}`,
      path: `/nodes?limit=${limit}`,
      ...invalid,
      errors: ['query/limit']
    })),
    { title: 'limit twice', path: '/nodes?limit=1&limit=2', ...invalid, errors: ['query/limit'] },
    { title: 'name twice', path: '/nodes?name=a&name=b', ...invalid, errors: ['query/name'] },
    { title: 'cursor twice', path: '/nodes?cursor=a&cursor=b', ...invalid, errors: ['query/cursor'] },
    { title: 'an empty cursor', path: '/nodes?cursor=', ...invalid, errors: ['query/cursor'] },
    {
      title: 'states there are not',
      path: '/nodes?state=running,up&state=ACTIVE',
      ...invalid,
      errors: ['query/state/1', 'query/state/2']
    },
    { title: 'a kind there is not', path: '/locations?kind=city', ...invalid, errors: ['query/kind/0'] },
    { title: 'partial=maybe', path: '/nodes?partial=maybe', ...invalid, errors: ['query/partial'] },
    { title: 'sort by nothing there is', path: '/nodes?sort=-colour', ...invalid, errors: ['query/sort/0'] },
    { title: 'sort by what has no order', path: '/nodes?sort=name,tags', ...invalid, errors: ['query/sort/1'] },
    {
      title: 'every unknown field',
      path: '/nodes?fields=id,colour,shape',
      ...invalid,
      errors: ['query/fields/1', 'query/fields/2']
    },
    { title: 'a field of the prototype', path: '/nodes?fields=constructor', ...invalid, errors: ['query/fields/0'] },
    { title: 'include of something else', path: '/nodes?include=all', ...invalid, errors: ['query/include/0'] },
    {
      title: 'unknown parameters',
      path: '/nodes?stat=running&Limit=5',
      ...invalid,
      errors: ['query/stat', 'query/Limit']
    },
    { title: 'brackets', path: '/nodes?state[]=running', ...invalid, errors: ['query/state[]'] },
    { title: '__proto__', path: '/nodes?__proto__=1', ...invalid, errors: ['query/__proto__'] },
    { title: 'cloud where it is in the path', path: '/nodes?cloud=default', ...invalid, errors: ['query/cloud'] },
    { title: 'a get with a filter', path: `${node}?state=running`, ...invalid, errors: ['query/state'] },
    {
      title: 'a destroy with a condition that is misspelt',
      method: 'DELETE',
      path: `${node}?if_stat=stopped`,
      ...invalid,
      errors: ['query/if_stat']
    },
    {
      title: 'a destroy with a state there is not',
      method: 'DELETE',
      path: `${node}?if_state=off`,
      ...invalid,
      errors: ['query/if_state']
    },
    {
      title: 'a create with a query',
      method: 'POST',
      path: '/nodes?dry_run=true',
      body: valid,
      ...invalid,
      errors: ['query/dry_run']
    },
    {
      title: 'an action with a query',
      method: 'POST',
      path: `${node}/actions/stop?force=1`,
      ...invalid,
      errors: ['query/force']
    },
    {
      title: 'a patch with a query',
      method: 'PATCH',
      path: `${node}?if_state=stopped`,
      body: { name: 'a' },
      ...invalid,
      errors: ['query/if_state']
    },
    { title: 'the clouds with a query', path: '/api/v2/clouds?limit=1', ...invalid, errors: ['query/limit'] },
    { title: 'a wait that is too long', path: `${absent}?wait=61`, ...invalid, errors: ['query/wait'] },
    { title: 'statuses there are not', path: '/api/v2/operations?status=done', ...invalid, errors: ['query/status/0'] },
    {
      ...post,
      title: 'body and query together',
      path: '/nodes?dry_run',
      body: { name: 'web' },
      ...invalid,
      errors: ['query/dry_run', 'body/image_id', 'body/size_id']
    },
    {
      ...post,
      title: 'a header and the body together',
      headers: { 'idempotency-key': 'x'.repeat(258) },
      body: { name: 'web' },
      ...invalid,
      errors: ['header/idempotency-key', 'body/image_id', 'body/size_id']
    }
  ])
)

t.test('a cursor serves the list and the query that gave it, and no other', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 5 }), other: dummy({ nodes: 5 }) } })
  const cursorOf = async (url: string) => encodeURIComponent((await api.get(url)).body.next_cursor)
  const own = await cursorOf('/api/v2/clouds/default/nodes?limit=1&state=running')
  const all = await cursorOf('/api/v2/nodes?limit=2')
  const foreign: Record<string, string> = {
    'a word': '/api/v2/nodes?cursor=next',
    'a number': '/api/v2/nodes?cursor=1',
    'JSON of another form': `/api/v2/nodes?cursor=${Buffer.from('{"query":1}').toString('base64url')}`,
    'JSON null': `/api/v2/nodes?cursor=${Buffer.from('null').toString('base64url')}`,
    'one kept by nobody': '/api/v2/nodes?cursor=s.01890000-0000-7000-8000-000000000000',
    'of one cloud at another': `/api/v2/clouds/other/nodes?limit=1&state=running&cursor=${own}`,
    'of one cloud at all': `/api/v2/nodes?state=running&cursor=${own}`,
    'of another filter': `/api/v2/clouds/default/nodes?state=stopped&cursor=${own}`,
    'of a filter where there is none': `/api/v2/clouds/default/nodes?cursor=${own}`,
    'of another collection': `/api/v2/images?cursor=${all}`,
    'of another choice of clouds': `/api/v2/nodes?cloud=other&cursor=${all}`,
    'of a list in another order': `/api/v2/nodes?sort=name&cursor=${all}`,
    'of nodes at operations': `/api/v2/operations?cursor=${all}`
  }
  for (const [title, url] of Object.entries(foreign)) {
    const answer = await api.get(url)
    t.equal(answer.status, 400, `${title}: 400`, { body: answer.body })
    t.equal(answer.body.code, 'invalid_request')
    t.same(fieldsOf(answer), ['query/cursor'])
  }
  t.equal(
    (await api.get(`/api/v2/clouds/default/nodes?state=running&limit=3&cursor=${own}`)).status,
    200,
    'limit may change on the way'
  )
})

t.test('a cursor that was tampered with reaches no other cloud', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 5 }), other: dummy({ nodes: 5 }) } })
  const { body } = await api.get('/api/v2/clouds/default/nodes?limit=1')
  const walk = JSON.parse(Buffer.from(body.next_cursor, 'base64url').toString()) as { places: { cloud: string }[] }
  walk.places[0]!.cloud = 'other'
  const answer = await api.get(
    `/api/v2/clouds/default/nodes?cursor=${Buffer.from(JSON.stringify(walk)).toString('base64url')}`
  )
  t.equal(answer.status, 400, 'it is refused', { body: answer.body })
})

const long = 'X'.repeat(10_000)
const oddIds: Record<string, string> = {
  'a slash': 'node%2F00000001',
  'a path upwards': '..%2F..%2Fclouds',
  'characters of another script': encodeURIComponent('nœud-世界-🙂'),
  'ten kilobytes': long,
  'a NUL': 'node-0000000%00',
  'a line break': 'node-00000001%0D%0AX-A:%20b',
  'a blank': '%20node-00000001',
  'a query in it': 'node-00000001%3Finclude=extra'
}

t.test('an id that cannot be one is a 404, without a call', (t) =>
  refuses(
    t,
    Object.entries(oddIds).flatMap(([title, id]): Case[] => {
      const missing = { status: 404, code: 'resource_not_found' }
      return [
        { title: `GET of ${title}`, path: `/nodes/${id}`, ...missing },
        { title: `PATCH of ${title}`, method: 'PATCH', path: `/nodes/${id}`, body: { name: 'x' }, ...missing },
        { title: `DELETE of ${title}`, method: 'DELETE', path: `/nodes/${id}`, ...missing },
        { title: `an action on ${title}`, method: 'POST', path: `/nodes/${id}/actions/stop`, ...missing },
        { title: `operations of ${title}`, path: `/nodes/${id}/operations`, ...missing },
        { title: `an image ${title}`, path: `/images/${id}`, ...missing },
        { title: `a size ${title}`, path: `/sizes/${id}`, ...missing },
        { title: `a location ${title}`, path: `/locations/${id}`, ...missing },
        { title: `an operation ${title}`, path: `/api/v2/operations/${id}`, ...missing },
        { title: `a driver ${title}`, path: `/api/v2/drivers/${id}`, ...missing },
        { title: `a cloud ${title}`, path: `/api/v2/clouds/${id}`, ...cloudless },
        { title: `nodes of a cloud ${title}`, path: `/api/v2/clouds/${id}/nodes`, ...cloudless }
      ]
    })
  )
)

t.test('the id of nothing, and paths that lead nowhere', (t) =>
  refuses(t, [
    { title: 'an operation there is not', path: absent, status: 404, code: 'resource_not_found' },
    { title: 'a cloud there is not', path: '/api/v2/clouds/nowhere', ...cloudless },
    {
      title: 'a create in a cloud there is not',
      method: 'POST',
      path: '/api/v2/clouds/nowhere/nodes',
      body: valid,
      ...cloudless
    },
    {
      title: 'a bad create in a cloud there is not',
      method: 'POST',
      path: '/api/v2/clouds/nowhere/nodes',
      body: [],
      ...cloudless
    },
    { title: 'a cloud named as the prototype', path: '/api/v2/clouds/__proto__/nodes', ...cloudless },
    { title: 'a cloud named as a method', path: '/api/v2/clouds/constructor', ...cloudless },
    { title: 'a list of clouds of which one is not', path: '/api/v2/nodes?cloud=default,nowhere', ...cloudless },
    { title: 'nodes of a cloud switched off', path: '/api/v2/clouds/off/nodes', ...disabled },
    {
      title: 'a create in a cloud switched off',
      method: 'POST',
      path: '/api/v2/clouds/off/nodes',
      body: valid,
      ...disabled
    },
    {
      title: 'a refresh of a cloud switched off',
      method: 'POST',
      path: '/api/v2/clouds/off/actions/refresh',
      ...disabled
    },
    { title: 'a collection there is not', path: '/servers', ...nowhere },
    { title: 'the root', path: '/api', ...nowhere },
    { title: 'a verb there is not', method: 'POST', path: `${node}/actions/terminate`, ...nowhere },
    { title: 'PUT', method: 'PUT', path: node, body: valid, ...wrongMethod },
    { title: 'PATCH of a list', method: 'PATCH', path: '/nodes', body: valid, ...wrongMethod },
    { title: 'DELETE of a list', method: 'DELETE', path: '/nodes', ...wrongMethod },
    { title: 'GET of an action', path: `${node}/actions/stop`, ...wrongMethod },
    { title: 'POST to all clouds', method: 'POST', path: '/api/v2/nodes', body: valid, ...wrongMethod },
    { title: 'OPTIONS', method: 'OPTIONS', path: '/nodes', ...wrongMethod },
    { title: 'a path that is badly encoded', path: '/nodes/%zz', ...unparsed },
    { title: 'an id longer than a URL may be', path: `/nodes/${'x'.repeat(17_000)}`, status: 414, code: 'uri_too_long' }
  ])
)

t.test('no body goes where none belongs', (t) =>
  refuses(t, [
    { title: 'GET of a list', path: '/nodes', body: {}, ...invalid, errors: ['body'] },
    { title: 'GET of a node', path: node, body: { a: 1 }, ...invalid, errors: ['body'] },
    {
      title: 'GET with what is no JSON',
      path: '/nodes',
      headers: { 'content-type': 'text/plain' },
      body: 'a',
      ...invalid,
      errors: ['body']
    },
    { title: 'DELETE', method: 'DELETE', path: node, body: {}, ...invalid, errors: ['body'] },
    {
      title: 'DELETE with half an object',
      method: 'DELETE',
      path: node,
      headers: json,
      body: '{',
      ...invalid,
      errors: ['body']
    },
    { title: 'GET of the operations', path: '/api/v2/operations', body: [], ...invalid, errors: ['body'] }
  ])
)

t.test('a key that is none is refused before anything is created', (t) =>
  refuses(
    t,
    ['', '""', 'schlüssel', 'a\tb', 'x'.repeat(256)].map((key) => ({
      ...post,
      title: `Idempotency-Key: ${key.slice(0, 10)}`,
      headers: { 'idempotency-key': key },
      body: valid,
      ...invalid,
      errors: ['header/idempotency-key']
    }))
  )
)

t.test('what the cloud alone can know is refused by field too, and ends as a failed operation', async (t) => {
  const { api } = await build(t, { clouds })
  const answer = await api.post('/api/v2/clouds/default/nodes', {
    ...valid, image_id: 'img-none', size_id: 'dummy.none', key_pair_name: 'mine', networks: [{ network_id: 'net-none' }]
  })
  t.equal(answer.status, 422)
  t.same(fieldsOf(answer), ['body/image_id', 'body/key_pair_name', 'body/networks/0/network_id', 'body/size_id'])
  const { body } = await api.get('/api/v2/operations')
  t.match(body.items, [{ status: 'failed', error: { code: 'validation_failed' } }])
  t.equal((await api.get('/api/v2/clouds/default/nodes')).body.total, 2)
})

t.test('what is no fault is taken', async (t) => {
  const { api } = await build(t, { clouds })
  const { body: { items: [first, second] } } = await api.get('/api/v2/clouds/default/nodes')
  const path = first.self as string
  const taken: [string, Method, string, RequestOptions][] = [
    ['an action without a body', 'POST', `${path}/actions/start`, {}],
    ['an action with the type of JSON and no body', 'POST', `${path}/actions/start`, { headers: json }],
    ['an action with {}', 'POST', `${path}/actions/start`, { body: {} }],
    [
      'JSON with a charset',
      'PATCH',
      path,
      { headers: { 'content-type': 'application/json; charset=utf-8' }, body: { name: 'a' } }
    ],
    [
      'a merge patch',
      'PATCH',
      path,
      { headers: { 'content-type': 'application/merge-patch+json' }, body: { tags: { env: null } } }
    ],
    ['a slash at the end', 'GET', `${path}/`, {}],
    ['GET with the type of JSON and no body', 'GET', path, { headers: json }],
    ['a state twice', 'GET', '/api/v2/nodes?state=running&state=running,stopped', {}],
    ['empty values of a list', 'GET', '/api/v2/nodes?state=running,,', {}],
    [
      'an unknown preference',
      'POST',
      `${path}/actions/start`,
      { headers: { prefer: 'respond-async, colour=red' } }
    ],
    ['a wait that is none', 'POST', `${path}/actions/start`, { headers: { prefer: 'wait=soon' } }],
    ['HEAD', 'HEAD', path, {}],
    ['DELETE with the type of JSON and no body', 'DELETE', second.self, { headers: { ...json, prefer: 'wait=5' } }]
  ]
  for (const [title, method, url, options] of taken) {
    const { status, body } = await api.request(method, url, options)
    t.equal(status, 200, title, { body })
  }
})

t.test('no route of the document is brought down by what is sent to it', async (t) => {
  const { app, api } = await build(t, { clouds })
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, { operationId: string }>> }
  const parameters: Record<string, string> = { cloud: 'broken', driver: 'dummy', id: 'node-00000001' }
  let routes = 0
  for (const [path, methods] of Object.entries(paths)) {
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? name)
    for (const [method, { operationId }] of Object.entries(methods)) {
      routes++
      for (const body of [undefined, {}, [], { name: 7, surprise: null }]) {
        const { status, body: problem } = await api.request(method.toUpperCase() as Method, `${url}?%00=1`, {
          ...(body === undefined || method === 'get' ? {} : { body })
        })
        t.ok([200, 404, 415, 422, 501].includes(status), `${operationId}: ${status}`, { problem })
      }
    }
  }
  t.ok(routes > 30)
  await nothingDone(t, api)
})

/** Sends bytes as they are, and resolves to the whole answer when the server has closed the connection. */
async function exchange (port: number, bytes: string) {
  const socket = net.connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  // A server that has heard enough may close while the rest is still on its way.
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? []
  return { status: Number(status), head, body }
}

t.test('bytes from the wire that make no good request are refused all the same', async (t) => {
  const { app, api } = await build(t, { clouds })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as net.AddressInfo
  const get = (path: string, headers = '') =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`
  const nodes = '/api/v2/clouds/default/nodes'
  const chunked = 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n'
  const cases: [string, string, number, string][] = [
    ['no HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
    ['a method there is not', 'FETCH / HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, 'method_not_allowed'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: localhost\r\nNo header\r\n\r\n', 400, 'invalid_request'],
    ['headers of 20 kB', get('/', `X-Long: ${'x'.repeat(20_000)}\r\n`), 400, 'invalid_request'],
    ['a path of 20 kB', get(`${nodes}/${'x'.repeat(20_000)}`), 400, 'invalid_request'],
    [
      'two lengths',
      `POST ${nodes} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}`,
      400,
      'invalid_request'
    ],
    [
      'a length and chunks',
      `POST ${nodes} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'invalid_request'
    ],
    [
      'chunks that are none',
      `POST ${nodes} HTTP/1.1\r\nHost: localhost\r\n${chunked}\r\nzz\r\n`,
      400,
      'invalid_request'
    ],
    [
      'chunks of more than a megabyte',
      `POST ${nodes} HTTP/1.1\r\nHost: localhost\r\n${chunked}Connection: close\r\n\r\n` +
        `200000\r\n${' '.repeat(0x200000)}\r\n0\r\n\r\n`,
      413,
      'payload_too_large'
    ],
    ['an id that leads upwards', get(`${nodes}/%2e%2e`), 404, 'resource_not_found'],
    ['an id that leads far upwards', get(`${nodes}/%2e%2e%2f%2e%2e%2fetc%2fpasswd`), 404, 'resource_not_found'],
    ['an id that is a slash', get(`${nodes}/%2f`), 404, 'resource_not_found'],
    ['a path that leads upwards', get(`${nodes}/../../../../etc/passwd`), 404, 'route_not_found'],
    [
      'a document outside of the documentation',
      get('/docs/static/..%2f..%2f..%2fpackage.json'),
      404,
      'route_not_found'
    ],
    ['HTTP/1.1 without Host', `GET ${nodes} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400, 'invalid_request'],
    ['a tunnel', 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n', 404, 'route_not_found'],
    ['an unknown expectation', get('/nowhere', 'Expect: the-unexpected\r\n'), 404, 'route_not_found'],
    ['half a percent sign', get(`${nodes}/%`), 400, 'invalid_request'],
    ['bytes that are no UTF-8', get(`${nodes}/%ff%fe`), 400, 'invalid_request'],
    [
      'GET with a body in chunks',
      get(nodes, 'Transfer-Encoding: chunked\r\n').concat('2\r\n{}\r\n0\r\n\r\n'),
      422,
      'validation_failed'
    ]
  ]
  for (const [title, bytes, status, code] of cases) {
    const answer = await exchange(port, bytes)
    t.equal(answer.status, status, `${title}: ${status}`, { answer })
    t.match(answer.head, /content-type: application\/problem\+json/i, `${title}: a problem`)
    t.match(
      JSON.parse(answer.body === '' ? '{}' : answer.body),
      { status, code, detail: String, hint: String },
      `${title}: ${code}`
    )
  }
  await nothingDone(t, api)
  t.equal((await exchange(port, get(nodes))).status, 200, 'and a good request is answered after all of them')
})
