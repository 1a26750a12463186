import { randomUUID } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { accepted, Fault, nothing, ok, type Routes } from './answer.ts'
import { findServer, publicNet, serviceNet, type Network, type Nic, type State } from './state.ts'

function checkBlock (cidr: unknown) {
  const [base = '', prefix = ''] = typeof cidr === 'string' ? cidr.split('/') : []
  const version = isIP(base)
  try {
    new BlockList().addSubnet(base, Number(prefix), version === 6 ? 'ipv6' : 'ipv4')
  } catch {
    throw new Fault(400, 'CIDR is malformed.')
  }
  if (Number(prefix) > 30 && version === 4) throw new Fault(400, 'Network does not contain enough addresses.')
}

/** Cloud Networks: isolated networks, and the interfaces of servers on them. */
export function networkRoutes (state: State): Routes {
  const { networks, servers } = state
  const find = (id: string) => {
    const network = networks.find((one) => one.id === id)
    if (network === undefined) throw new Fault(404, `Network ${id} could not be found.`)
    return network
  }
  const show = ({ id, mac, network, addresses }: Nic) => ({
    id,
    mac_address: mac,
    ip_addresses: addresses.map((address) => ({ address, network_id: network, network_label: find(network).label }))
  })

  return {
    'GET /os-networksv2': () => ok({ networks }),
    'GET /os-networksv2/:id': (_, { id }) => ok({ network: find(id!) }),
    'POST /os-networksv2': ({ body }) => {
      const { label, cidr } = body?.network ?? {}
      if (typeof label !== 'string' || label === '') throw new Fault(400, 'Network label is required')
      checkBlock(cidr)
      if (networks.length - 2 >= (state.behaviour.quotas.networks ?? 10)) {
        throw new Fault(400, 'You have too many networks for this account.')
      }
      const made: Network = { id: randomUUID(), label, cidr }
      networks.push(made)
      return ok({ network: made })
    },
    'DELETE /os-networksv2/:id': (_, { id }) => {
      const network = find(id!)
      if (id === publicNet || id === serviceNet) throw new Fault(403, 'This network cannot be deleted.')
      if (servers.some(({ deleted, nics }) => !deleted && nics.some((nic) => nic.network === id))) {
        throw new Fault(403, `Network ${id} is in use.`)
      }
      networks.splice(networks.indexOf(network), 1)
      return accepted
    },
    'GET /servers/:id/os-virtual-interfacesv2': (_, { id }) =>
      ok({ virtual_interfaces: findServer(state, id!).nics.map(show) }),
    'POST /servers/:id/os-virtual-interfacesv2': ({ body }, { id }) => {
      const server = findServer(state, id!)
      const wanted = body?.virtual_interface?.network_id
      const network = networks.find((one) => one.id === wanted)
      if (network === undefined) throw new Fault(400, `Network ${String(wanted)} not found`)
      if (server.nics.some((nic) => nic.network === wanted)) {
        throw new Fault(400, `Network ${wanted} is already attached to the server`)
      }
      const nic = state.nicOn(network)
      server.nics.push(nic)
      return ok({ virtual_interfaces: [show(nic)] })
    },
    'DELETE /servers/:id/os-virtual-interfacesv2/:nic': (_, { id, nic: wanted }) => {
      const { nics } = findServer(state, id!)
      const at = nics.findIndex((nic) => nic.id === wanted)
      if (at === -1) throw new Fault(404, 'The virtual interface could not be found.')
      nics.splice(at, 1)
      return nothing(200)
    }
  }
}
