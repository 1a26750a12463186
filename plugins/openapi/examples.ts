import { readFileSync } from 'node:fs'
import path from 'node:path'
import { packageFolder } from '../../config/version.ts'
import type { Response, Route } from './document.ts'

interface Example {
  path: Record<string, string>
  body?: unknown
  status: number
  contentType?: string
  answer?: unknown
}

const file = path.join(packageFolder, 'openapi/examples.json')

/** Reads the calls of a real run that openapi/export.ts writes, by operationId. */
export const readExamples = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, Example>

/**
 * Adds the example of an operation to its path parameters, its body and its answer. Other parameters have none: Swagger
 * UI would send them.
 */
export function addExample ({ operation }: Route, examples: Record<string, Example>) {
  const { operationId, parameters = [], requestBody, responses } = operation
  const example = examples[operationId]
  if (example === undefined) return
  for (const parameter of parameters) {
    if (parameter.in === 'path') parameter.example = example.path[parameter.name]
  }
  const body = requestBody?.content['application/json']
  if (body !== undefined && example.body !== undefined) body.example = example.body
  const response = responses[example.status] as Response | undefined
  const content = response?.content?.[example.contentType ?? '']
  if (content !== undefined) content.example = example.answer
}
