'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')

const transport = new AsyncLocalStorage()

/**
 * What openstack-client calls for each request. It has no connection of its own: the request goes to the transport
 * that `withTransport` set for this call, since deadlines, pools and limits belong to one cloud and one call.
 */
module.exports = async function request (options) {
  const send = transport.getStore()
  if (send === undefined) throw new Error('openstack-client was called outside withTransport')
  const { body, headers, statusCode } = await send(options)
  return options.transform ? options.transform(body, { headers, statusCode }) : body
}

module.exports.withTransport = (send, run) => transport.run(send, run)
