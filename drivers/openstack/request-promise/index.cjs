'use strict'

/** The transport of the call that is being started. */
let transport

/**
 * What openstack-client calls for each request. It has no connection of its own: the request goes to the transport
 * that `withTransport` set for this call, since deadlines, pools and limits belong to one cloud and one call.
 */
module.exports = async function request (options) {
  if (transport === undefined) throw new Error('openstack-client was called outside withTransport')
  const { body, headers, statusCode } = await transport(options)
  return options.transform ? options.transform(body, { headers, statusCode }) : body
}

/**
 * openstack-client sends its request before it returns (`co` runs up to the first wait, and a token that is no promise
 * is used at once), so a variable is enough. An AsyncLocalStorage makes every promise of the process dearer.
 */
module.exports.withTransport = (send, run) => {
  const outer = transport
  transport = send
  try {
    return run()
  } finally {
    transport = outer
  }
}
