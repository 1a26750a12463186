import type { ImageCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { bind, explainMissing } from '../client/bind.ts'
import { malformed, type Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** Finds the image that a create has made, if its answer does not name it. */
export type FindImage = (input: ImageCreate, call: Call) => Promise<string | undefined>

/**
 * Makes the function that makes an image of a node with Nova. It returns the id of the image: that of the header
 * `Location`, or that of `find`.
 */
export function createImageOfNode (
  client: Client,
  fields: readonly FieldRefusal[],
  find: FindImage = async () => undefined
) {
  const actions = bind(client, resources.serverAction, {
    service: 'compute',
    explain: explainMissing
  })

  return async (input: ImageCreate, metadata: object, call: Call): Promise<string> => {
    const { name, node_id: node } = input
    const body = { createImage: { name, metadata } }
    const { location = '' } = await actions.postForHeaders(node, body, call, { fields })
    const id = /\/images\/([^/?#]+)\/?$/.exec(location)?.[1] ?? await find(input, call)
    if (id === undefined) throw malformed('compute', false)
    return id
  }
}
