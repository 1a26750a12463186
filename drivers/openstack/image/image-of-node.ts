import type { ImageCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { bind, explainMissing } from '../client/bind.ts'
import { malformed, type Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** Makes the function that makes an image of a node with Nova. It returns the id of the image. */
export function createImageOfNode (client: Client, fields: readonly FieldRefusal[]) {
  const actions = bind(client, resources.serverAction, { service: 'compute', explain: explainMissing })

  return async ({ name, node_id: node }: ImageCreate, metadata: object, call: Call): Promise<string> => {
    const body = { createImage: { name, metadata } }
    const { location = '' } = await actions.postForHeaders(node, body, call, { fields })
    const id = location.split('/').pop() ?? ''
    if (id === '') throw malformed('compute', false)
    return id
  }
}
