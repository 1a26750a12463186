import { defres, type Read, type Write } from 'openstack-client'
import { ProblemError, type Network, type NetworkCreate } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Identity, ListQuery, ListResult, NetworkService, ReadOptions } from '../driver.ts'
import { invalid } from '../invalid.ts'
import { encodeId, malformed, pointed, readFrom, type Client, type RefusedField } from '../openstack/public.ts'

/** PublicNet and ServiceNet, which every account has; a node is on both where its create names no network. */
export const publicNet = '00000000-0000-0000-0000-000000000000'
export const serviceNet = '11111111-1111-1111-1111-111111111111'

/** A network as Cloud Networks tells it; the two that are everybody's have no block. */
export interface CloudNetwork {
  id: string
  label: string
  cidr?: string
}

interface Calls {
  list: Read
  show: Read<[id: string]>
  create: Write
  del: Write<[id: string]>
}

const network = defres<Calls>('compute', '/os-networksv2', 'network', { only: ['list', 'show', 'create', 'del'] })

const upstream = { service: 'compute' } as const

const fields: readonly RefusedField[] = [
  { said: /cidr|does not contain enough/i, pointer: '/cidr' }, { said: /label|name/i, pointer: '/name' }
]

/** A network of Cloud Networks as a network: it is there as soon as it is made, and has no more than a label and a block. */
export const toNetwork = (raw: CloudNetwork, identity: Identity, extra: boolean): Network => ({
  ...identity,
  name: raw.label,
  state: 'available',
  provider_state: null,
  created_at: null,
  updated_at: null,
  tags: {},
  cidrs: raw.cidr === undefined ? [] : [raw.cidr],
  is_external: raw.id === publicNet,
  shared: raw.id === publicNet || raw.id === serviceNet,
  mtu: null,
  subnet_ids: [],
  ...(extra ? { extra: { ...raw } } : {})
})

/** Networks of Cloud Networks (`/os-networksv2` of Nova): isolated ones can be made and deleted, and never change. */
export function createNetworks (client: Client, identify: (id: string) => Identity): NetworkService {
  return {
    async list ({ limit, token, extra }: ListQuery, call: Call): Promise<ListResult<Network>> {
      const { items, next } = await readFrom(token, (marker) => client.list<CloudNetwork>(upstream, call, (access, region, headers) =>
        network.list(access, region, { limit, ...marker }, headers)))
      return { items: items.map((raw) => toNetwork(raw, identify(raw.id), extra)), next, applied: [] }
    },

    async get (id: string, { extra }: ReadOptions, call: Call) {
      const raw = await client.show<CloudNetwork>(upstream, call, (token, region, headers) =>
        network.show(token, region, encodeId(id), {}, headers))
      return toNetwork(raw, identify(raw.id), extra)
    },

    async create ({ name, cidr }: NetworkCreate, call: Call) {
      if (cidr === undefined) throw invalid('/cidr', 'is required by this cloud')
      try {
        const made = await client.change(upstream, call, (token, region, headers) =>
          network.create(token, region, { label: name, cidr }, {}, headers)) as CloudNetwork | undefined
        if (typeof made?.id !== 'string') throw malformed('compute', false)
        return toNetwork(made, identify(made.id), false)
      } catch (error) {
        throw explainCreate(error)
      }
    },

    async destroy (id: string, call: Call) {
      try {
        await client.change(upstream, call, (token, region, headers) => network.del(token, region, encodeId(id), undefined, {}, headers))
      } catch (error) {
        throw explainDestroy(error, id)
      }
    }
  }
}

function explainCreate (error: unknown) {
  if (!(error instanceof ProblemError) || error.code !== 'provider_rejected') return error
  if (/too many networks/i.test(error.message)) return again('provider_quota_exceeded', error)
  return pointed(error, fields) ?? error
}

/** A network with servers on it is refused as forbidden, as are the two that are everybody's. */
function explainDestroy (error: unknown, id: string) {
  if (!(error instanceof ProblemError) || (error.code !== 'provider_permission_denied' && error.code !== 'invalid_state')) return error
  return id === publicNet || id === serviceNet ? again('protected', error, 'It belongs to Rackspace; leave it.') : again('in_use', error)
}

const again = (code: 'provider_quota_exceeded' | 'in_use' | 'protected', error: ProblemError, hint?: string) =>
  new ProblemError(code, error.message, { ...error.details, cause: error, ...(hint === undefined ? {} : { hint }) })
