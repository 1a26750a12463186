import type { NetworkInterface } from '@aws-sdk/client-ec2'
import type { FloatingIpAssociate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import { isProblem, isSameId, type Client } from '../client/index.ts'

function addressesOf (
  { PrivateIpAddresses: all = [], PrivateIpAddress: primary }: NetworkInterface
) {
  if (all.length > 0) return all.flatMap(({ PrivateIpAddress: address }) => address ?? [])
  return primary === undefined ? [] : [primary]
}

const listNics = (nics: readonly NetworkInterface[]) =>
  nics.map((nic) => `${nic.NetworkInterfaceId} (${addressesOf(nic).join(', ')})`).join('; ') ||
  'none'

export interface NicTarget {
  nic: NetworkInterface
  /** The private address: the requested one, or the first of the NIC. */
  address: string | undefined
}

/**
 * Chooses the NIC for a floating IP, and its address. If none of the node's NICs matches the request, or more than one,
 * validation_failed lists the NICs.
 */
export async function chooseNic (
  client: Client,
  request: FloatingIpAssociate,
  call: Call
): Promise<NicTarget> {
  const { node_id: node, nic_id: id, fixed_address: address } = request
  const nics = node === undefined
    ? await readNic(client, id!, call)
    : await readNicsOfNode(client, node, call)
  const named = id === undefined
    ? nics
    : nics.filter(({ NetworkInterfaceId: nicId }) => isSameId(nicId, id))
  if (id !== undefined && named.length === 0) {
    throw invalid('/nic_id', `${id} is not a NIC of the node. Its NICs: ${listNics(nics)}`)
  }
  const matching = named.filter((nic) =>
    address === undefined || addressesOf(nic).includes(address)
  )
  const [nic, second] = matching
  if (nic !== undefined && second === undefined) {
    return { nic, address: address ?? nic.PrivateIpAddress }
  }
  if (address !== undefined && nic === undefined) {
    throw invalid(
      '/fixed_address',
      `${address} is not an address of these NICs: ${listNics(named)}`
    )
  }
  if (nic === undefined) throw invalid('/node_id', 'has no NIC')
  throw invalid(
    '/node_id',
    `has more than one matching NIC; set nic_id. Its NICs: ${listNics(nics)}`
  )
}

async function readNic (client: Client, id: string, call: Call) {
  try {
    const input = { NetworkInterfaceIds: [id] }
    const { NetworkInterfaces: found = [] } = await client.read(
      'DescribeNetworkInterfaces',
      input,
      call
    )
    return found
  } catch (error) {
    if (isProblem(error, 'resource_not_found', 'provider_rejected')) {
      throw invalid('/nic_id', `${id} does not exist`)
    }
    throw error
  }
}

async function readNicsOfNode (client: Client, node: string, call: Call) {
  const input = { Filters: [{ Name: 'attachment.instance-id', Values: [node] }] }
  const { NetworkInterfaces: found = [] } = await client.read(
    'DescribeNetworkInterfaces',
    input,
    call
  )
  return found
}
