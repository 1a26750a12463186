import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

interface Described { $ref?: string, content?: Record<string, { schema?: object }>, 'x-problem-codes'?: string[] }
interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Described> }>>
  components: { responses: Record<string, Described> }
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

const refOf = (...steps: string[]) => `document#/${steps.map(escape).join('/')}`

function compile (document: object) {
  // Inlined references would compile a schema again wherever it is used.
  const ajv = new Ajv2020({ strict: false, allErrors: true, inlineRefs: false })
  // An open enum allows other values, but this server must send only those that the document lists.
  ajv.addKeyword({
    keyword: 'x-extensible-enum',
    validate: (values: unknown[], value: unknown) => value === null || values.includes(value)
  })
  formats.default(ajv)
  ajv.addFormat('cidr', true).addFormat('ip', true).addFormat('binary', true)
  ajv.addFormat('single-line', true).addFormat('multi-line', true)
  ajv.addSchema({ ...document, $id: 'document' })
  return ajv
}

const withoutParameters = (path: string) => path.replaceAll(/\{[^}]+\}/g, '')

/**
 * Checks answers against an OpenAPI document: that the route, the status and the media type are documented, and that
 * the body fits its schema. The returned function throws if one of these does not hold.
 */
export function createDocumentCheck (document: object) {
  const { paths, components } = document as Document
  const ajv = compile(document)

  // The path with the longest static part comes first, so that /operations/{id} does not match /operations.
  const routes = Object.keys(paths)
    .sort((a, b) => withoutParameters(b).length - withoutParameters(a).length)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`) }))

  return ({ method, url, status, contentType, body }: Answer) => {
    const [pathname] = url.split('?', 1)
    const operation = method.toLowerCase()
    const media = contentType.split(';', 1)[0]!
    const answer = `${method} ${url} ${status}`
    const route = routes.find(({ path, pattern }) => pattern.test(pathname!) && paths[path]![operation] !== undefined)

    const ref = route === undefined ? undocumentedRef() : documentedRef(route.path)
    if (ref === undefined) return

    const validate = ajv.getSchema(ref)!
    if (validate(body) === true) return
    const reasons = validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ')
    throw new Error(`${answer} does not fit the document: ${reasons}\n${JSON.stringify(body)}`)

    /** An answer without a route must be a problem, too. /docs and the document itself have no schema. */
    function undocumentedRef () {
      if (status < 400) return undefined
      if (media !== 'application/problem+json') throw new Error(`${method} ${url} answered ${status} as ${media}`)
      return refOf('components', 'schemas', 'Problem')
    }

    function documentedRef (path: string) {
      const { responses } = paths[path]![operation]!
      const key = [String(status), `${String(status)[0]}XX`].find((one) => responses[one] !== undefined)
      if (key === undefined) throw new Error(`${method} ${url} answered ${status}, which is not documented`)
      const name = responses[key]!.$ref?.split('/').at(-1)
      const { content, 'x-problem-codes': codes } = name === undefined ? responses[key]! : components.responses[name]!
      if (status >= 400) {
        const { code } = body as { code: string }
        if (codes?.includes(code) !== true) throw new Error(`${answer} has the code ${code}, which is not documented`)
      }
      if (content === undefined) {
        if (body !== undefined && body !== '') throw new Error(`${answer} has a body, which is not documented`)
        return undefined
      }
      if (content[media]?.schema === undefined) throw new Error(`${answer} is ${media}, which is not documented`)
      return name === undefined
        ? refOf('paths', path, operation, 'responses', key, 'content', media, 'schema')
        : refOf('components', 'responses', name, 'content', media, 'schema')
    }
  }
}

export type DocumentCheck = ReturnType<typeof createDocumentCheck>

let shared: DocumentCheck | undefined

/**
 * The check that all apps of this process share, because rendering the document and compiling its schemas is expensive
 * and the document does not depend on the settings (document.test.ts).
 */
export function sharedDocumentCheck (app: { swagger (): object }) {
  shared ??= createDocumentCheck(app.swagger())
  return shared
}
