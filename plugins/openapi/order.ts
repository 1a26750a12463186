import { routesOf, type Document, type Operation, type Route } from './document.ts'

const methods = ['get', 'post', 'patch', 'delete']
const sections = ['path', 'query', 'header']

/** Puts the parameters of the path first, in its order. */
function sortParameters ({ path, operation }: Route) {
  const rank = ({ in: section, name }: NonNullable<Operation['parameters']>[number]) =>
    section === 'path' ? path.indexOf(`{${name}}`) / 10_000 : sections.indexOf(section)
  operation.parameters?.sort((a, b) => rank(a) - rank(b))
}

/** The collection of a path: `nodes`. */
const collectionOf = (path: string) =>
  /^\/api\/v2\/(?:clouds\/\{cloud\}\/)?([^/]+)/.exec(path)?.[1] ?? path

/** A resource comes before its actions, and these before its parts. */
function depthOf (path: string) {
  const steps = path.split('/')
  const parts = steps.length + (path.endsWith('}') ? 0 : 0.1)
  // Actions on many nodes come after those on one.
  if (path.includes('/nodes/actions/')) return 7.06
  return path.includes('/actions/') ? 7.05 : steps.length > 7 ? parts + 1 : parts
}

/**
 * Orders the operations as Swagger UI shows them: by tag; of each collection first the lists, then the creation, the
 * single resource, its actions and its parts.
 */
export function sortRoutes (document: Document) {
  const routes = routesOf(document)
  for (const route of routes) sortParameters(route)

  const tags = document.tags.map(({ name }) => name)
  const collections = [...new Set(routes.map(({ path }) => collectionOf(path)))]
  const byPath = new Map(routes.map(({ path, operation: { tags: [tag] } }) => {
    const collection = collectionOf(path)
    const isMain = collection === tag!.toLowerCase().replaceAll(' ', '-')
    return [path, [
      tags.indexOf(tag!),
      isMain ? -1 : collections.indexOf(collection),
      depthOf(path)
    ]]
  }))
  const compare = (a: readonly number[], b: readonly number[]) =>
    a.map((x, i) => x - b[i]!).find((x) => x !== 0) ?? 0
  const sorted = [...byPath].sort(([, a], [, b]) => compare(a, b)).map(([path]) => path)
  document.paths = Object.fromEntries(sorted.map((path) => {
    const operations = Object.entries(document.paths[path]!)
    return [
      path,
      Object.fromEntries(operations.sort(([a], [b]) => methods.indexOf(a) - methods.indexOf(b)))
    ]
  }))
}
