import fp from 'fastify-plugin'
import type { Settings } from '../config/index.ts'

/** Logs one line for each answered request. It omits the query, which may contain names and tags of the caller. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  if (!settings.log_requests) return
  fastify.addHook('onResponse', (request, reply, done) => {
    const url = request.url
    const at = url.indexOf('?')
    const path = at === -1 ? url : url.slice(0, at)
    const ms = Math.round(reply.elapsedTime * 100) / 100
    request.log.info({ method: request.method, path, status: reply.statusCode, ms }, 'request')
    done()
  })
}, { name: 'log' })
