import { Converter } from '@apiture/openapi-down-convert'

type Node = Record<string, unknown>

const isNull = (schema: unknown) => (schema as Node)['type'] === 'null'

/** Writes "a model or null" in the form of OpenAPI 3.0. The converter leaves `{ type: null }`, which is not valid. */
function convertNullUnions (node: unknown): unknown {
  if (Array.isArray(node)) return node.map(convertNullUnions)
  if (typeof node !== 'object' || node === null) return node
  const { anyOf, ...rest } = node as Node
  const isUnion = Array.isArray(anyOf) && anyOf.some(isNull)
  const models = isUnion ? anyOf.filter((schema) => !isNull(schema)) : []
  // `nullable` needs a type beside it, and all models that can be null are objects.
  const converted = isUnion ? { ...rest, type: 'object', nullable: true, allOf: models } : node
  return Object.fromEntries(
    Object.entries(converted).map(([key, child]) => [key, convertNullUnions(child)])
  )
}

/** Leaves out the examples of media types: generators need none, and the converter would change them. */
function withoutExamples (node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutExamples)
  if (typeof node !== 'object' || node === null) return node
  const isMedia = 'schema' in node && 'example' in node
  const kept = Object.entries(node).filter(([key]) => !isMedia || key !== 'example')
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutExamples(child)]))
}

/** Leaves out the models to which nothing refers, since only webhooks use them. */
function withoutUnused (parts: Node): Node {
  const { components } = parts as { components: { schemas: Node } }
  const text = JSON.stringify(parts)
  const used = Object.entries(components.schemas).filter(([name]) =>
    text.includes(`"#/components/schemas/${name}"`)
  )
  if (used.length === Object.keys(components.schemas).length) return parts
  return withoutUnused({
    ...parts,
    components: { ...components, schemas: Object.fromEntries(used) }
  })
}

/** Converts a document of OpenAPI 3.1 to 3.0.3, for generators that need it. */
export function toOpenApi30 (document: object): object {
  // OpenAPI 3.0 has no webhooks.
  const { webhooks: _, ...convertible } = document as Node
  const converter = new Converter(convertNullUnions(withoutExamples(convertible)) as object, {
    allOfTransform: true
  })
  const { info, ...rest } = converter.convert() as { openapi: string, info: { license: object } }
  // The identifier of the license, which 3.0 does not have, says this in 3.1.
  const license = { ...info.license, url: 'https://www.apache.org/licenses/LICENSE-2.0' }
  const { openapi, ...parts } = rest
  return { openapi, info: { ...info, license }, ...withoutUnused(parts) }
}
