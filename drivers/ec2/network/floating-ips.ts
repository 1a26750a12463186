import type { Address } from '@aws-sdk/client-ec2'
import { ProblemError, type FloatingIp, type FloatingIpAssociate, type FloatingIpCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { FloatingIpService, Identity } from '../../driver.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { commonOf, createReads, explained } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { isMissing } from '../client/consistency.ts'
import { chooseNic } from './floating-targets.ts'
import { byName } from '../client/lists.ts'
import { ec2Tags, tagSpecifications, toTagList } from '../client/tags.ts'
import { labelMade } from '../client/rollback.ts'

/** The cloud tells what is not as nothing, or as an empty text. */
const known = (text: string | undefined) => text === undefined || text === '' ? null : text

/** An elastic IP of a VPC. The pool that it is from is Amazon's, or the account's own, and is not chosen here. */
export function toFloatingIp (raw: Address, identity: Identity, extra: boolean): FloatingIp {
  const nic = known(raw.NetworkInterfaceId)
  return {
    ...commonOf(raw, identity, undefined),
    state: nic === null && known(raw.AssociationId) === null ? 'available' : 'associated',
    address: raw.PublicIp ?? null,
    version: 4,
    pool: null,
    node_id: known(raw.InstanceId),
    nic_id: nic,
    fixed_address: known(raw.PrivateIpAddress),
    ...(extra ? { extra: { ...raw } } : {})
  }
}

/** What an address has only while it is associated. */
const free = { AssociationId: undefined, NetworkInterfaceId: undefined, InstanceId: undefined, PrivateIpAddress: undefined }

/** Elastic IPs. The cloud lists them all at once. */
export function createFloatingIps (cloud: Cloud): FloatingIpService {
  const { client } = cloud
  const identify = cloud.identify('floating_ips')
  const show = (raw: Address, extra = false) => toFloatingIp(raw, identify(raw.AllocationId!), extra)

  const { find, note, forget, ...reads } = createReads<Address, FloatingIp>({
    cloud,
    word: 'floating IP',
    idOf: ({ AllocationId: id }) => id,
    async send ({ ids, ...asked }, call) {
      const { Addresses: items } = await client.read((sdk) => new sdk.DescribeAddressesCommand({ ...asked, AllocationIds: ids }), call)
      // What has no such id is of no VPC.
      return { items: items?.filter(({ AllocationId: id }) => known(id) !== null) }
    },
    filters: { name: byName, address: { name: 'public-ip' }, node_id: { name: 'instance-id' } },
    map: async (raws, extra) => raws.map((raw) => show(raw, extra))
  })

  const remove = (id: string, call: Call) =>
    client.change((sdk) => new sdk.ReleaseAddressCommand({ AllocationId: id }), call, { token: true })

  return {
    ...reads,

    async create ({ tags }: FloatingIpCreate, call: Call) {
      checkTags(tags ?? {}, ec2Tags)
      const asked = { Domain: 'vpc' as const, ...tagSpecifications(cloud, ['elastic-ip'], { tags }) }
      const { AllocationId: id, PublicIp: address } = await client.change((sdk) => new sdk.AllocateAddressCommand(asked), call)
      if (id === undefined) throw malformed('The cloud answered without an address', false)
      note(id)
      await labelMade(cloud, id, { tags }, call, (own) => remove(id, own))
      return show({ AllocationId: id, PublicIp: address, Tags: toTagList({ tags }) })
    },

    async destroy (id: string, call: Call) {
      await remove(id, call)
      forget(id)
    },

    /** Gives it to a NIC that has none; one that is elsewhere is not moved (in_use). */
    async associate (id: string, input: FloatingIpAssociate, call: Call) {
      const raw = await find(id, call)
      const { nic, address } = await chooseNic(client, input, call)
      if (known(raw.AssociationId) !== null) {
        if (raw.NetworkInterfaceId === nic.NetworkInterfaceId && raw.PrivateIpAddress === address) return show(raw)
        throw new ProblemError('in_use', `${id} is associated with ${raw.NetworkInterfaceId}`)
      }
      const asked = { AllocationId: id, NetworkInterfaceId: nic.NetworkInterfaceId, PrivateIpAddress: address, AllowReassociation: false }
      // A NIC whose network has no way outside is refused by Gateway.NotAttached.
      const at = input.nic_id === undefined ? '/node_id' : '/nic_id'
      const fields = [{ code: /^InvalidNetworkInterface|^Gateway\.NotAttached|^InvalidInstanceI[Dd]/, pointer: at }]
      const { AssociationId: association } = await explained(fields, () =>
        client.change((sdk) => new sdk.AssociateAddressCommand(asked), call, { token: true }))
      return show({
        ...raw,
        AssociationId: association,
        NetworkInterfaceId: nic.NetworkInterfaceId,
        InstanceId: nic.Attachment?.InstanceId,
        PrivateIpAddress: address
      })
    },

    async disassociate (id: string, call: Call) {
      const raw = await find(id, call)
      const association = known(raw.AssociationId)
      if (association === null) return show(raw)
      try {
        await client.change((sdk) => new sdk.DisassociateAddressCommand({ AssociationId: association }), call, { token: true })
      } catch (error) {
        // It went with its node meanwhile.
        if (!isMissing(error)) throw error
      }
      return show({ ...raw, ...free })
    }
  }
}
