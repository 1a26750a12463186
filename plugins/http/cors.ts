import cors from '@fastify/cors'
import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'

/** The headers that a page of an allowed origin may read, beside those that the CORS protocol always allows. */
const exposedHeaders = [
  'Allow',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'Preference-Applied',
  'Retry-After',
  'X-Request-Id'
]

/** Seconds for which a browser keeps the answer to a preflight. Chromium keeps none for longer than two hours. */
const preflightSeconds = 600

/**
 * Allows the pages of `cors.origins` to send requests and to read the answers. origins.ts has refused all other origins
 * before, and methods.ts every OPTIONS that is no preflight.
 */
export default fp(async (fastify, { settings: { cors: { origins } } }: { settings: Settings }) => {
  if (origins.length === 0) return
  await fastify.register(cors, {
    origin: origins,
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: preflightSeconds
  })
}, { name: 'cors', dependencies: ['origins', 'methods'] })
