import t from 'tap'
import { problems } from '../openapi/model/index.ts'
import { build } from './helper/app.ts'

t.test('the type of a problem leads to a page that says what it means and what to do', async (t) => {
  const { api } = await build(t)
  const { body: { type, hint } } = await api.get('/api/v2/clouds/nowhere/nodes')
  t.equal(type, '/problems/cloud_not_found')
  const page = await api.get(type)
  t.match([page.status, page.headers['content-type']], [200, /^text\/markdown/])
  t.match(page.body, '`cloud_not_found`, status 404')
  t.match(page.body, hint)
})

t.test('every problem code has a page in Markdown and, for browsers, in HTML', async (t) => {
  const { api } = await build(t)
  const index = await api.get('/problems')
  for (const code of Object.keys(problems)) {
    t.match(index.body, `(/problems/${code})`)
    const { body: markdown } = await api.get(`/problems/${code}`)
    const [, example] = /```json\n([^]*)```/.exec(markdown as string) ?? []
    t.equal(JSON.parse(example!).code, code, 'the example is one of the code')
    const html = await api.get(`/problems/${code}`, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
    t.match(html.headers['content-type'], /^text\/html/)
    t.match(html.body, `<code>${code}</code>`)
  }
})

t.test('a code that does not exist has no page', async (t) => {
  const { api } = await build(t)
  for (const code of ['nothing', 'constructor', '__proto__']) {
    t.match(await api.get(`/problems/${code}`), { status: 404, body: { code: 'resource_not_found' } })
  }
})
