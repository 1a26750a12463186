import type { Level, ProblemCode } from '../../openapi/model/index.ts'

/** The parts of an OpenAPI document that this folder reads and completes. */
export interface Document {
  paths: Record<string, Record<string, Operation>>
  webhooks?: Record<string, object>
  tags: { name: string, description: string }[]
  components: {
    schemas: Record<string, Schema>
    responses?: Record<string, Response>
    headers?: Record<string, object>
  }
}

export interface Operation {
  operationId: string
  /** The lowest level of permission with which a caller may use the operation; undefined for an open one. */
  'x-required-level'?: Level
  security?: object[]
  description?: string
  tags: string[]
  parameters?: Parameter[]
  requestBody?: {
    required?: boolean
    content: Record<string, { schema: Schema, example?: unknown }>
  }
  responses: Record<string, Response>
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  description?: string
  required?: boolean
  schema: Schema
  example?: unknown
}

export interface Schema {
  type?: string
  $ref?: string
  required?: string[]
  'x-required-any'?: string[]
}

export interface Response {
  $ref?: string
  description?: string
  headers?: Record<string, object>
  content?: Record<string, { schema: object, example?: unknown }>
  'x-problem-codes'?: readonly ProblemCode[]
}

/** An operation with its place in the document. */
export interface Route {
  /** `/api/v2/clouds/{cloud}/nodes`. */
  path: string
  method: string
  operation: Operation
}

/** Returns every operation of a document. */
export const routesOf = ({ paths }: Document): Route[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  )

/** Whether an operation has a parameter of this name. */
export const takes = ({ parameters = [] }: Operation, name: string) =>
  parameters.some((one) => one.name === name)
