import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

interface Described { content?: Record<string, { schema?: object }> }
interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Described> }>>
}

export interface Answer {
  method: string
  /** Path and query. */
  url: string
  status: number
  contentType: string
  body: unknown
}

const escape = (step: string) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))

/**
 * Checks answers against an OpenAPI document: that the route, the status and the media type are documented, and that the
 * body fits its schema. The returned function throws what does not fit.
 */
export function createDocumentCheck (document: object) {
  const { paths } = document as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ;(formats as unknown as (ajv: object) => void)(ajv)
  ajv.addFormat('cidr', true).addFormat('ip', true).addFormat('binary', true)
  ajv.addSchema({ ...document, $id: 'document' })

  // The longest static part first: /operations/{id} must not take /operations.
  const routes = Object.keys(paths).sort((a, b) => b.replaceAll(/\{[^}]+\}/g, '').length - a.replaceAll(/\{[^}]+\}/g, '').length)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`) }))

  return ({ method, url, status, contentType, body }: Answer) => {
    const [pathname, query = ''] = url.split('?', 2)
    const route = routes.find(({ path, pattern }) => pattern.test(pathname!) && paths[path]![method.toLowerCase()] !== undefined)
    const media = contentType.split(';', 1)[0]!
    const schema = route === undefined
      ? undocumented(status, media, `${method} ${url}`)
      : documented(paths[route.path]![method.toLowerCase()]!.responses, ['paths', route.path, method.toLowerCase(), 'responses'])
    if (schema === undefined) return
    if (ajv.validate(schema, body) === true) return
    const partial = /(^|&)fields=/.test(query)
    const errors = ajv.errors!.filter(({ keyword, instancePath }) => !(partial && keyword === 'required' && instancePath.startsWith('/items/')))
    if (errors.length > 0) {
      throw new Error(`${method} ${url} ${status} does not fit the document: ${errors.map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ')}\n${JSON.stringify(body)}`)
    }

    function documented (responses: Record<string, Described>, at: string[]) {
      const key = [String(status), `${String(status)[0]}XX`].find((one) => responses[one] !== undefined)
      if (key === undefined) throw new Error(`${method} ${url} answered ${status}, which is not documented`)
      const content = responses[key]!.content
      if (content === undefined) {
        if (body !== undefined && body !== '') throw new Error(`${method} ${url} ${status} has a body, which is not documented`)
        return undefined
      }
      if (content[media]?.schema === undefined) throw new Error(`${method} ${url} ${status} is ${media}, which is not documented`)
      return { $ref: `document#/${[...at, key, 'content', media, 'schema'].map(escape).join('/')}` }
    }
  }
}

/** What no route answers must be a problem all the same; /docs and the document itself have no schema. */
function undocumented (status: number, media: string, what: string) {
  if (status < 400) return undefined
  if (media !== 'application/problem+json') throw new Error(`${what} answered ${status} as ${media}`)
  return { $ref: 'document#/components/schemas/Problem' }
}
