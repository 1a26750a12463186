import t from 'tap'
import { pathOf, services } from '../drivers/driver.ts'
import { createRandom } from '../drivers/dummy/engine/random.ts'
import type { Api } from './helper/api.ts'
import { build, dummy } from './helper/app.ts'

/** Seeds the order and the choice of values. Set FUZZ_SEED to repeat a run. */
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1e9)

/** Values of each field. FUZZ_VALUES=100 tries nearly all of them. */
const valuesPerField = Number(process.env['FUZZ_VALUES'] ?? 12)

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  allOf?: Schema[]
  additionalProperties?: boolean | Schema
  examples?: unknown[]
  format?: string
  minimum?: number
}

interface Parameter {
  name: string
  in: string
  schema: Schema
}

interface Operation {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const texts = [
  '', ' ', '\0', 'a\0b', '\u001b[2J', '\n', '\r\n', '\t', '\u0085', '\u2028', '\u202e', '\u2066', '\ufeff', '\ufffd',
  '\ufffe', '\ud800', '\udfff', 'a\ud83d', '🙂', '👩‍👩‍👧‍👦', 'é', 'e\u0301', '世界', 'ﷺ', 'İ', 'ß',
  'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(5000), '🙂'.repeat(255), '%', '%00', '%zz', '%s%n',
  '*', '**', '*'.repeat(100), '*a*a*a*', '.', '..', '../..', '/', '//', '\\', '\'', '"', '`', ';', '--', "' or 1=1 --",
  '$where', '{{x}}', '<script>', '&', '=', '==', 'a=b', 'a=b=c', ',', ',,', 'a,b', '-', '-name', '+', '_',
  '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length', 'null', 'undefined', 'true', 'false',
  'NaN', 'Infinity', '-Infinity', '1e400', '-1', '0', '-0', '1', '1.5', '1e2', '0x10', '007', '9007199254740993',
  '2147483648', '1000', '1001', '[]', '{}', '[object Object]', '127.0.0.1', '::', '::ffff:1.2.3.4', 'fe80::1%eth0',
  '999.1.1.1', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.1/8', '1.2.3.4/',
  '2026-02-30T00:00:00Z', '0000-00-00', 'http://', 'http://[', 'http://a:99999', 'https://a/ b', 'file:///etc/passwd',
  'ssh-rsa AAAA', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI', 'ssh-rsa \0', 'icmp', '255', 'tcp', 'self', 'all',
  'node-00000001', 'net-private', 'img-debian-12', 'dummy.small'
]
const others: unknown[] = [
  null, true, false, 0, -0, -1, 1, 1.5, 5e-324, 1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 65535, 65536,
  [], [[]], [null], [''], ['a', 'a'], [{}], {}, { a: {} }, { '': '' },
  { $ref: '#' }, { then: 1 }, { length: 1e9 }, { toString: 1 }, { toJSON: 'x' },
  Array.from({ length: 300 }, (_, i) => `${i}`),
  Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, 'v']))
]
const values: unknown[] = [...texts, ...others]

/** JSON that JSON.stringify does not write. */
const rawValues = [
  '1e400', '-1e400', '"\\ud800"', '"\\u0000"', '1.0000000000000000000000001', '-0.0',
  `${'['.repeat(2000)}${']'.repeat(2000)}`
]

t.test('no odd value in a query or a body is an internal error', async (t) => {
  t.comment(`FUZZ_SEED=${seed}`)
  const random = createRandom(seed)
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
  const { app, api } = await build(t, {
    clouds: {
      default: dummy({ nodes: 3 }),
      late: dummy({ nodes: 3, latency: 0.001 }),
      faulty: dummy({ nodes: 3, faults: [{ on: 'nodes.create', kind: 'error', probability: 0.2 }] })
    }
  })
  const { paths, components } = app.swagger() as unknown as Document
  const known = await readIds(api)
  let sent = 0

  const resolve = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : components.schemas[decodeURIComponent(schema.$ref.split('/').at(-1)!)]!

  /** A value that fits a schema well enough to get past the validation. */
  const fit = (name: string, given: Schema): unknown => {
    const schema = resolve(given)
    const { type, enum: options, examples, properties, required = [], minimum = 1 } = schema
    const ids = known[name.replace(/_ids?$/, '')]
    if (ids !== undefined && type === 'string') return pick(ids)
    if (options !== undefined) return options[0]
    if (examples !== undefined) return examples[0]
    switch ([type].flat()[0]) {
      case 'integer': case 'number': return minimum
      case 'boolean': return false
      case 'array': return []
      case 'object': return Object.fromEntries(required.map((key) => [key, fit(key, properties?.[key] ?? {})]))
      default: return schema.format === 'uri' ? 'http://127.0.0.1/' : 'a'
    }
  }

  /** Every place of a body, as the path to it. */
  const placesOf = (given: Schema, at: string[] = []): string[][] => {
    const { properties = {}, items, additionalProperties } = resolve(given)
    return [
      at,
      ...Object.entries(properties).flatMap(([key, schema]) => placesOf(schema, [...at, key])),
      ...items === undefined || at.length > 4 ? [] : placesOf(items, [...at, '0']),
      ...typeof additionalProperties === 'object' ? [[...at, 'key']] : []
    ]
  }

  const put = (body: unknown, [step, ...rest]: string[], value: unknown): unknown => {
    if (step === undefined) return value
    if (step === '0') return [put(undefined, rest, value)]
    const object = typeof body === 'object' && body !== null ? body as Record<string, unknown> : {}
    return { ...object, [step]: put(object[step], rest, value) }
  }

  const send = async (title: string, method: string, url: string, body?: string) => {
    sent++
    const answer = await api.request(method as 'GET', url, body === undefined ? {} : { body })
    const fine = answer.status < 500 || answer.status === 501 || /^provider_/.test(answer.body.code)
    if (!fine) t.fail(`${title}: ${answer.status}`, { method, url, body: body?.slice(0, 500), answer: answer.body })
  }

  for (const [path, methods] of Object.entries(paths)) {
    const collection = /\/clouds\/\{cloud\}\/([\w-]+)/.exec(path)?.[1]?.replaceAll('-', '_').replace(/s$/, '') ?? ''
    const target = () => path.replace('{cloud}', pick(['default', 'default', 'late', 'faulty']))
      .replace('{driver}', 'dummy')
      .replaceAll(/\{(\w+)\}/g, () => encodeURIComponent(pick(known[collection] ?? ['none'])))
    for (const [method, { operationId, parameters = [], requestBody }] of Object.entries(methods)) {
      const schema = Object.values(requestBody?.content ?? {})[0]?.schema
      const isFile = requestBody?.content['application/octet-stream'] !== undefined
      const base = schema === undefined || isFile ? undefined : fit('', schema)
      const isRequired = (name: string) => operationId === 'uploadImage' && /name|disk/.test(name)
      const required = parameters.filter(({ in: at, name }) => at === 'query' && isRequired(name))
        .map(({ name, schema }) => [name, String(fit(name, schema))] as [string, string])

      for (const { in: at, name } of parameters) {
        if (at !== 'query') continue
        for (let i = 0; i < valuesPerField * 2; i++) {
          const value = pick(texts)
          const query = new URLSearchParams([...required.filter(([key]) => key !== name), [name, value]])
          const body = base === undefined ? undefined : JSON.stringify(base)
          await send(`${operationId}?${name}`, method.toUpperCase(), `${target()}?${query}`, body)
        }
      }
      if (schema === undefined || isFile) continue
      for (const place of placesOf(schema)) {
        for (let i = 0; i < valuesPerField; i++) {
          const body = JSON.stringify(put(base, place, pick(values)))
          await send(`${operationId} ${place.join('.')}`, method.toUpperCase(), target(), body)
        }
        for (const raw of rawValues) {
          const body = JSON.stringify(put(base, place, '@raw')).replace('"@raw"', () => raw)
          await send(`${operationId} ${place.join('.')}`, method.toUpperCase(), target(), body)
        }
      }
    }
  }
  t.comment(`${sent} requests`)
  t.ok(sent > 5000, 'every field was tried')
  t.equal((await api.get('/health/ready')).status, 200, 'the server is well after all of them')
})

/** The ids of the resources of the farm, by the name of the field that refers to them. */
async function readIds (api: Api) {
  const known: Record<string, string[]> = {}
  for (const service of services) {
    const { body } = await api.get(`/api/v2/clouds/default/${pathOf(service)}`)
    const ids = ((body.items ?? []) as { id: string }[]).flatMap(({ id }) => id ?? [])
    if (ids.length > 0) known[service.replace(/s$/, '')] = ids
  }
  return known
}
