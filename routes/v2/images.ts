import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  anyOf,
  createdFilters,
  createHeaders,
  Image,
  ImageCreate,
  ImageDestroy,
  ImageImport,
  ImagePage,
  imageStates,
  ImageUpdate,
  ImageUpload,
  operationAnswer,
  ProblemError,
  stateFilters
} from '../../openapi/model/index.ts'
import { slowRoutes } from '../changes.ts'
import { cloudParams, collectionRoutes } from '../collection.ts'

const images = {
  service: 'images',
  kind: 'image',
  name: 'Image',
  tag: 'Images',
  singular: 'image',
  model: Image
} as const

async function requireFile ({ headers }: FastifyRequest) {
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) {
    return
  }
  const message = 'must be the file, of the type application/octet-stream'
  throw new ProblemError('validation_failed', `The request has no body; it ${message}`, {
    errors: [{ in: 'body', pointer: '', message }]
  })
}

interface CloudParams {
  cloud: string
}

export default async function routes (fastify: FastifyInstance) {
  const { actions, operations } = fastify

  await fastify.register(collectionRoutes({
    ...images,
    plural: 'images',
    page: ImagePage,
    filters: {
      ...stateFilters('images', imageStates),
      ...createdFilters,
      visibility: anyOf('Only images of these visibilities.', [
        'public',
        'private',
        'shared',
        'community'
      ]),
      hidden: anyOf('`true`: only hidden images, which lists otherwise leave out.', ['true']),
      architecture: anyOf('Only images of these architectures.'),
      owner: anyOf(
        'Only images of these accounts. `self` is the own account; a cloud whose capability `images.list` ' +
          'lacks this filter answers 501 to it. `all` includes every image that the account may use, also at clouds ' +
          'that list only a selection by default, such as EC2.'
      )
    }
  }))
  slowRoutes(fastify, {
    ...images,
    create: ImageCreate,
    update: ImageUpdate,
    destroy: ImageDestroy
  })

  fastify.post<{ Params: CloudParams, Body: ImageImport }>('/clouds/:cloud/images/import', {
    config: { level: 'manage', action: 'images.import' },
    schema: {
      operationId: 'importImage',
      summary: 'Let the cloud download an image from a URL',
      tags: ['Images'],
      params: cloudParams,
      headers: createHeaders,
      body: ImageImport,
      response: operationAnswer()
    }
  }, async (request, reply) =>
    fastify.idempotent(request, reply, async (first) => {
      const { cloud, body } = request
      const started = await actions.start(cloud, 'images.import', body, (connection, call) =>
        connection.images!.import!(body, call), { first })
      return operations.answer(started, request)
    }))

  // The file is streamed to the cloud as it arrives: no parser, no size limit.
  await fastify.register(async (uploads) => {
    uploads.removeAllContentTypeParsers()
    uploads.addContentTypeParser(
      'application/octet-stream',
      (_request, payload, done) => done(null, payload)
    )

    uploads.post<{
      Params: CloudParams
      Querystring: ImageUpload
      Body: AsyncIterable<Uint8Array>
    }>('/clouds/:cloud/images/upload', {
      bodyLimit: Number.MAX_SAFE_INTEGER,
      config: { isUpload: true, level: 'manage', action: 'images.upload' },
      onRequest: requireFile,
      schema: {
        operationId: 'uploadImage',
        summary: 'Create an image from the file in the body',
        consumes: ['application/octet-stream'],
        tags: ['Images'],
        params: cloudParams,
        querystring: ImageUpload,
        body: { type: 'string', format: 'binary', description: 'The file.' },
        response: operationAnswer()
      },
      validatorCompiler: ({ schema, httpPart }) =>
        httpPart === 'body' ? () => true : fastify.validatorCompiler!({ schema, httpPart } as never)
    }, async ({ cloud, query, body, headers }, reply) => {
      const size = Number(headers['content-length'] ?? NaN)
      const started = await actions.upload(
        cloud,
        'images.upload',
        query,
        { body, size },
        (connection, call, file) => connection.images!.upload!(query, file, call)
      )
      return reply.operation(started)
    })
  })
}
