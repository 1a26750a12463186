import type { FastifyInstance } from 'fastify'
import {
  anyOf, createHeaders, Image, ImageCreate, ImageDestroy, ImageImport, ImagePage, imageStates, ImageUpdate, ImageUpload, operationAnswer
} from '../../openapi/model/index.ts'
import { changer } from '../../plugins/clouds/index.ts'
import { sendAnswer } from '../../plugins/operations/index.ts'
import { slowRoutes } from '../changes.ts'
import { cloudParams, collectionRoutes } from '../collection.ts'

const images = { service: 'images' as const, kind: 'image' as const, name: 'Image', tag: 'Images', singular: 'image', model: Image }

export default async function routes (fastify: FastifyInstance) {
  const { resources, operations } = fastify

  await fastify.register(collectionRoutes({
    ...images,
    plural: 'images',
    page: ImagePage,
    filters: {
      state: anyOf('Only these states.', imageStates),
      visibility: anyOf('Only these.', ['public', 'private', 'shared', 'community']),
      architecture: anyOf('Only these architectures.'),
      owner: anyOf('Only those of these accounts. `self` is the own account, at clouds whose `images.list` has this filter; others refuse the word. ' +
        '`all` is whoever has images for this account, also where a cloud shows a choice of them otherwise, as EC2 does.')
    }
  }))
  slowRoutes(fastify, { ...images, create: ImageCreate, update: ImageUpdate, destroy: ImageDestroy })

  fastify.post<{ Params: { cloud: string }, Body: ImageImport }>('/clouds/:cloud/images/import', {
    schema: {
      operationId: 'importImage',
      summary: 'Have the cloud fetch an image from a URL',
      tags: ['Images'],
      params: cloudParams,
      headers: createHeaders,
      body: ImageImport,
      response: operationAnswer()
    }
  }, async (request, reply) => fastify.once(request, reply, async () => {
    const { params: { cloud }, body } = request
    const started = await resources.once(cloud, 'images.import', body, changer(request), (connection, call) => connection.images!.import!(body, call))
    return operations.answer(started, request)
  }))

  // The file is streamed on to the cloud as it comes: no parser, no limit.
  await fastify.register(async (uploads) => {
    uploads.removeAllContentTypeParsers()
    uploads.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))

    uploads.post<{ Params: { cloud: string }, Querystring: ImageUpload, Body: AsyncIterable<Uint8Array> }>('/clouds/:cloud/images/upload', {
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        operationId: 'uploadImage',
        summary: 'Make an image of the file in the body',
        consumes: ['application/octet-stream'],
        tags: ['Images'],
        params: cloudParams,
        querystring: ImageUpload,
        body: { type: 'string', format: 'binary', description: 'The file.' },
        response: operationAnswer()
      },
      validatorCompiler: ({ schema, httpPart }) => httpPart === 'body' ? () => true : fastify.validatorCompiler!({ schema, httpPart } as never)
    }, async (request, reply) => {
      const { params: { cloud }, query, body } = request
      const from = { ...changer(request), deadline: false as const }
      const started = await resources.once(cloud, 'images.upload', query, from, (connection, call) =>
        connection.images!.upload!(query, body, call))
      return sendAnswer(reply, await operations.answer(started, request))
    })
  })
}
