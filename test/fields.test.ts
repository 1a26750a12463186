import t from 'tap'
import { pickerOf } from '../plugins/lists/fields.ts'

t.test('a picker has the chosen fields, in their order', async (t) => {
  const pick = pickerOf(['name', 'id'])
  t.same(Object.entries(pick({ id: 1, name: 'a', state: 'b' })), [['name', 'a'], ['id', 1]])
  t.equal(JSON.stringify(pick({ id: 1 })), '{"id":1}', 'without a field that the item lacks')
})

t.test('names are data in the code of a picker, whatever they are', async (t) => {
  const global = globalThis as Record<string, unknown>
  t.teardown(() => { delete global['injected'] })
  const names = [
    'a"]; globalThis.injected = 1; ["',
    "a']; globalThis.injected = 1; ['",
    'a\\"]; globalThis.injected = 1; //',
    'a\n}; globalThis.injected = 1; ({',
    'a\u2028globalThis.injected = 1',
    '${globalThis.injected = 1}', // eslint-disable-line no-template-curly-in-string
    '`+(globalThis.injected = 1)+`',
    '*/ globalThis.injected = 1 /*'
  ]
  for (const [i, name] of names.entries()) {
    const item = { id: 1, [name]: 'value' }
    t.same(pickerOf([name])(item), { [name]: 'value' }, `name ${i}`)
    t.notOk(Object.hasOwn(global, 'injected'), 'nothing of it runs')
  }
})
