import { defres } from 'openstack-client'
import { ProblemError, type Network } from '../../openapi/model/index.ts'
import { describe, type Identity, type NetworkService } from '../driver.ts'
import { bind, createReadService, type Client, type RefusalContext } from '../openstack/public.ts'
import { pointToField, type FieldRefusal } from '../common/refusals.ts'

export const capabilities = describe<NetworkService>({
  create: { parameters: ['name', 'cidr'], required: ['cidr'] }
})

/**
 * PublicNet and ServiceNet, which every account has. A node is on both if its create names no
 * network.
 */
export const publicNet = '00000000-0000-0000-0000-000000000000'
export const serviceNet = '11111111-1111-1111-1111-111111111111'

const isShared = (id: string) => id === publicNet || id === serviceNet

/** A network of Cloud Networks. PublicNet and ServiceNet have no block. */
export interface CloudNetwork {
  id: string
  label: string
  cidr?: string
}

const networkCalls = defres('compute', '/os-networksv2', 'network', {
  only: ['list', 'show', 'create', 'del']
})

const fields: readonly FieldRefusal[] = [
  { pattern: /cidr|does not contain enough/i, pointer: '/cidr' },
  { pattern: /label|name/i, pointer: '/name' }
]

/** Converts a network of Cloud Networks, which has only a label and a block. */
export const toNetwork = (raw: CloudNetwork, identity: Identity, extra: boolean): Network => ({
  name: raw.label,
  state: 'available',
  provider_state: null,
  created_at: null,
  updated_at: null,
  tags: {},
  cidrs: raw.cidr === undefined ? [] : [raw.cidr],
  is_external: raw.id === publicNet,
  shared: isShared(raw.id),
  mtu: null,
  subnet_ids: [],
  extra: extra ? { ...raw } : undefined,
  ...identity
})

/**
 * Networks of Cloud Networks (`/os-networksv2` of Nova). Isolated networks can be made and deleted,
 * but not changed.
 */
export function createNetworks (
  client: Client,
  identify: (id: string) => Identity
): NetworkService {
  const networks = bind<CloudNetwork>(client, networkCalls, { service: 'compute', explain })
  const convert = (raw: CloudNetwork, extra: boolean) => toNetwork(raw, identify(raw.id), extra)

  return {
    ...createReadService(networks, convert),
    create: async ({ name, cidr }, call) =>
      convert(await networks.create({ label: name, cidr }, call, { fields }), false),
    destroy: (id, call) => networks.remove(id, call)
  }
}

/** Explains a refused create, or a refused deletion, which is of an id. */
function explain (error: unknown, { ids: [id], fields }: RefusalContext) {
  if (!(error instanceof ProblemError)) return error
  return id === undefined ? explainCreate(error, fields) : explainDestroy(error, id)
}

function explainCreate (error: ProblemError, fields: readonly FieldRefusal[]) {
  if (error.code !== 'provider_rejected') return error
  if (/too many networks/i.test(error.message)) {
    return error.with({ code: 'provider_quota_exceeded' })
  }
  return pointToField(error, fields) ?? error
}

/** Rackspace answers 403 to a network with servers, and to the two that all accounts share. */
function explainDestroy (error: ProblemError, id: string) {
  if (error.code !== 'provider_permission_denied' && error.code !== 'invalid_state') return error
  if (isShared(id)) {
    return error.with({ code: 'protected', hint: 'It belongs to Rackspace and cannot be deleted.' })
  }
  return error.with({ code: 'in_use' })
}
