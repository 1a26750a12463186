import type { NetworkInterface } from '@aws-sdk/client-ec2'
import { ProblemError, type FloatingIpAssociate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../invalid.ts'
import type { Client } from '../client/client.ts'

const addressesOf = ({ PrivateIpAddresses: all = [], PrivateIpAddress: own }: NetworkInterface) =>
  all.length > 0 ? all.flatMap(({ PrivateIpAddress: address }) => address ?? []) : own === undefined ? [] : [own]

const listed = (nics: readonly NetworkInterface[]) =>
  nics.map((nic) => `${nic.NetworkInterfaceId} (${addressesOf(nic).join(', ')})`).join('; ') || 'none'

export interface NicTarget {
  nic: NetworkInterface
  /** The private address that is meant: the one asked for, or the first of the NIC. */
  address: string | undefined
}

/**
 * The NIC that is meant, and which of its addresses: of a node the one that fits; where none or more than one does,
 * validation_failed lists the NICs.
 */
export async function chooseNic (client: Client, wanted: FloatingIpAssociate, call: Call): Promise<NicTarget> {
  const { node_id: node, nic_id: id, fixed_address: address } = wanted
  const nics = node === undefined ? await readNic(client, id!, call) : await nicsOfNode(client, node, call)
  const named = id === undefined ? nics : nics.filter(({ NetworkInterfaceId: own }) => own?.toLowerCase() === id.toLowerCase())
  if (id !== undefined && named.length === 0) throw invalid('/nic_id', `is no NIC of the node; its NICs are: ${listed(nics)}`)
  const fitting = named.filter((nic) => address === undefined || addressesOf(nic).includes(address))
  const [nic, other] = fitting
  if (nic !== undefined && other === undefined) return { nic, address: address ?? nic.PrivateIpAddress }
  if (address !== undefined && nic === undefined) throw invalid('/fixed_address', `is on none of the NICs, which are: ${listed(named)}`)
  throw invalid('/node_id', nic === undefined ? 'has no NIC' : `has more than one NIC that fits; give nic_id. Its NICs are: ${listed(nics)}`)
}

async function readNic (client: Client, id: string, call: Call) {
  try {
    const asked = { NetworkInterfaceIds: [id] }
    const { NetworkInterfaces: found = [] } = await client.read((sdk) => new sdk.DescribeNetworkInterfacesCommand(asked), call)
    return found
  } catch (error) {
    if (error instanceof ProblemError && (error.code === 'resource_not_found' || error.code === 'provider_rejected')) {
      throw invalid('/nic_id', 'is not there')
    }
    throw error
  }
}

async function nicsOfNode (client: Client, node: string, call: Call) {
  const asked = { Filters: [{ Name: 'attachment.instance-id', Values: [node] }] }
  const { NetworkInterfaces: found = [] } = await client.read((sdk) => new sdk.DescribeNetworkInterfacesCommand(asked), call)
  return found
}
