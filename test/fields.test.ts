import t from 'tap'
import { fieldsToBytes, toBytes } from '../plugins/lists/bytes.ts'
import { build, dummy } from './helper/app.ts'

/** An item with these fields only. */
const pick = (item: object, fields: readonly string[]) =>
  Object.fromEntries(fields.map((field) => [field, (item as Record<string, unknown>)[field]]))

/** Names that would run if they were pasted into code. */
const hostile = [
  'a"]; globalThis.injected = 1; ["',
  "a']; globalThis.injected = 1; ['",
  'a\\"]; globalThis.injected = 1; //',
  'a\n}; globalThis.injected = 1; ({',
  'a\u2028globalThis.injected = 1',
  '${globalThis.injected = 1}', // eslint-disable-line no-template-curly-in-string
  '`+(globalThis.injected = 1)+`',
  '*/ globalThis.injected = 1 /*'
]

t.test('names are data in the code of a writer, whatever they are', async (t) => {
  const global = globalThis as Record<string, unknown>
  t.teardown(() => { delete global['injected'] })
  for (const [i, name] of hostile.entries()) {
    const item = { id: 1, [name]: 'value' }
    t.equal(String(fieldsToBytes([item], [name])), `,${JSON.stringify({ [name]: 'value' })}`, `name ${i}`)
    t.notOk(Object.hasOwn(global, 'injected'), 'nothing of it runs')
  }
})

/** Values that JSON writes in a way of its own, or leaves out. */
const values: unknown[] = [
  '', 'plain', 'with "quotes" and \\', 'line\nfeed\ttab', '\u0000\u001f\u007f\u0080', 'Grüße', '日本語', '\u2028',
  '😀', '\ud83d', '\ude00', 'a\ud83db', 'x'.repeat(99), 'x'.repeat(100), 'x'.repeat(101), 'ü'.repeat(100),
  '"'.repeat(100),
  0, -0, 1.5, 1e21, NaN, Infinity, true, false, null, undefined, () => 1, Symbol('a'), new Date(0), [], {},
  ['a', undefined, null], { a: { b: ['ü', 1] }, c: undefined }, { toJSON: () => 'own' }, { toJSON: () => undefined }
]

t.test('fields are written as JSON.stringify writes them, byte by byte', async (t) => {
  const items = values.flatMap((first) => values.map((second) => ({ first, 'a "name" ü': second, last: first })))
  for (const fields of [
    ['first'], ['last', 'first'], ['a "name" ü', 'unknown', 'last'], ['last', 'last'], ['unknown']
  ]) {
    const wanted = items.map((item) => `,${JSON.stringify(pick(item, fields))}`).join('')
    t.equal(fieldsToBytes(items, fields).equals(Buffer.from(wanted)), true, fields.join())
  }
})

t.test('items may be longer than the space that is kept for them', async (t) => {
  const items = Array.from({ length: 100 }, (_, i) => ({ id: i, text: 'ü'.repeat(i * 1000), end: 'end' }))
  const wanted = items.map((item) => `,${JSON.stringify(item)}`).join('')
  t.equal(fieldsToBytes(items, ['id', 'text', 'end']).equals(Buffer.from(wanted)), true)
  t.equal(toBytes(items).equals(Buffer.from(wanted)), true)
})

t.test('a long page has the same bytes as its items in short pages', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 250, page_size: 1000 }) } })
  for (const query of ['', '&fields=name,tags,id,progress,created_at']) {
    const long = await api.get(`/api/v2/clouds/default/nodes?limit=1000${query}`)
    const shorts: object[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await api.get(`/api/v2/clouds/default/nodes?limit=100${query}${at}`)
      shorts.push(...body.items)
      cursor = body.next_cursor
    }
    t.equal(long.body.items.length, 250)
    t.equal(JSON.stringify(long.body.items), JSON.stringify(shorts), query)
    t.match(long.headers['etag'], /^W\/"[0-9a-f]{40}"$/)
  }
})
