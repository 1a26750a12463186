import { randomUUID } from 'node:crypto'
import { Fault, linksTo, nothing, ok, page, stamp, type Asked, type Routes } from './answer.ts'
import { createActions } from './actions.ts'
import {
  findServer, flavors, newPassword, publicNet, serviceNet, type Network, type Server, type State
} from './state.ts'
import { newVolume } from './volumes.ts'

/** Makes the representation of a server, with Rackspace's extensions. */
function show (state: State, server: Server, { endpoint }: Asked) {
  const { id, nics, stage, fault } = server
  const labels = new Map<string, Array<{ version: number, addr: string }>>()
  for (const { network, addresses } of nics) {
    const label = state.networks.find((one) => one.id === network)?.label ?? 'gone'
    labels.set(label, [
      ...(labels.get(label) ?? []),
      ...addresses.map((addr) => ({ version: addr.includes(':') ? 6 : 4, addr }))
    ])
  }
  const attached = state.volumes.filter(({ attachment }) => attachment?.server === id)
  const tenant = endpoint.split('/').at(-1)
  return {
    id,
    name: server.name,
    status: server.deleted ? 'DELETED' : stage.status,
    progress: stage.status === 'BUILD' ? 40 : 100,
    'OS-EXT-STS:task_state': stage.task ?? null,
    'OS-EXT-STS:vm_state': stage.status.toLowerCase(),
    'OS-EXT-STS:power_state': 1,
    'OS-DCF:diskConfig': 'AUTO',
    tenant_id: tenant,
    user_id: '172157',
    hostId: 'c0ffee',
    accessIPv4: nics.find(({ network }) => network === publicNet)?.addresses.at(-1) ?? '',
    accessIPv6: nics.find(({ network }) => network === publicNet)?.addresses[0] ?? '',
    addresses: Object.fromEntries(labels),
    created: server.created,
    updated: server.updated,
    image:
      server.image === null ? '' : { id: server.image, links: linksTo(endpoint, `/images/${server.image}`).slice(1) },
    flavor: { id: server.flavor, links: linksTo(endpoint, `/flavors/${server.flavor}`).slice(1) },
    key_name: server.keyName,
    metadata: server.metadata,
    config_drive: '',
    links: linksTo(endpoint, `/servers/${id}`),
    'os-extended-volumes:volumes_attached': attached.map((volume) => ({ id: volume.id })),
    ...(fault === undefined ? {} : { fault })
  }
}

function checkMetadata (metadata: Record<string, unknown> = {}) {
  if (Object.keys(metadata).length > 40) {
    throw new Fault(413, 'Maximum number of metadata items exceeds 40', { 'retry-after': '0' })
  }
  return metadata as Record<string, string>
}

/** Cloud Servers: servers of Nova v2. */
export function serverRoutes (state: State): Routes {
  const { behaviour } = state

  const checkQuota = (ram: number) => {
    const there = state.servers.filter(({ deleted }) => !deleted)
    const used = there.reduce((sum, { flavor }) => sum + flavors.find(({ id }) => id === flavor)!.ram, 0)
    const { servers: most = Infinity, ram: mostRam = Infinity } = behaviour.quotas
    const refuse = (what: string, wanted: number, have: number, limit: number) => {
      const said = `Quota exceeded for ${what}: Requested ${wanted}, but already used ${have} of ${limit} ${what}`
      throw new Fault(behaviour.quotaStatus, said, behaviour.quotaStatus === 413 ? { 'retry-after': '0' } : {})
    }
    if (there.length >= most) refuse('instances', 1, there.length, most)
    if (used + ram > mostRam) refuse('ram', ram, used, mostRam)
  }

  const networksOf = (asked: Array<{ uuid?: string }> | undefined): Network[] =>
    (asked ?? [{ uuid: publicNet }, { uuid: serviceNet }]).map(({ uuid }) => {
      const found = state.networks.find(({ id }) => id === uuid)
      if (found === undefined) throw new Fault(400, `Network ${uuid} could not be found.`)
      return found
    })

  const create = (asked: Asked) => {
    const wanted = asked.body?.server
    if (typeof wanted?.name !== 'string' || wanted.name.trim() === '') {
      throw new Fault(400, 'Server name is an empty string')
    }
    const flavor = flavors.find(({ id }) => id === wanted.flavorRef)
    if (flavor === undefined) throw new Fault(400, 'Invalid flavorRef provided.')
    const [disk] = wanted.block_device_mapping_v2 ?? []
    const image = state.images.find(({ id }) => id === (disk?.uuid ?? wanted.imageRef))
    if (image === undefined) throw new Fault(400, 'Cannot find requested image: the image could not be found.')
    if (flavor.disk === 0 && disk === undefined) {
      throw new Fault(400, 'Only volume-backed servers are allowed for flavors with zero disk.')
    }
    if (wanted.key_name !== undefined && !state.keypairs.some(({ name }) => name === wanted.key_name)) {
      throw new Fault(400, 'Invalid key_name provided.')
    }
    const metadata = checkMetadata(wanted.metadata)
    const networks = networksOf(wanted.networks)
    checkQuota(flavor.ram)
    const server: Server = {
      id: randomUUID(),
      name: wanted.name,
      image: disk === undefined ? image.id : null,
      flavor: flavor.id,
      metadata,
      keyName: wanted.key_name ?? null,
      created: stamp(),
      updated: stamp(),
      nics: [],
      stage: { status: 'BUILD' },
      plan: [],
      movedAt: 0,
      deleted: false
    }
    if (disk !== undefined) {
      const volume = newVolume(state, { size: disk.volume_size, imageRef: image.id })
      volume.attachment = { server: server.id, device: '/dev/xvda' }
      volume.status = 'in-use'
      delete volume.next
      server.root = { volume: volume.id, own: disk.delete_on_termination === true }
    }
    const building = ['scheduling', 'networking', 'spawning'].map((task) => ({ status: 'BUILD', task }))
    if (behaviour.full.has(flavor.id)) {
      state.send(server, [building[0]!, { status: 'ERROR' }], () => {
        server.fault = {
          code: 500,
          message: 'No valid host was found. There are not enough hosts available.',
          created: stamp()
        }
      })
    } else {
      state.send(server, [...building, { status: 'ACTIVE' }], () => {
        server.nics = networks.map((network) => state.nicOn(network))
      })
    }
    state.servers.push(server)
    return {
      status: 202,
      headers: { location: `${asked.endpoint}/servers/${server.id}` },
      body: {
        server: {
          id: server.id,
          adminPass: newPassword(),
          links: linksTo(asked.endpoint, `/servers/${server.id}`),
          'OS-DCF:diskConfig': 'AUTO'
        }
      }
    }
  }

  const matching = ({ query }: Asked) => {
    const name = query.get('name')
    const statuses = query.getAll('status')
    const image = query.get('image')
    const since = query.get('changes-since')
    return state.servers
      .filter(({ deleted, updated }) => since === null ? !deleted : Date.parse(updated) >= Date.parse(since))
      .filter((server) => name === null || behaviour.matchesName(name, server.name))
      .filter(({ stage }) => statuses.length === 0 || statuses.includes(stage.status))
      .filter((server) => image === null || server.image === image)
      .reverse()
  }

  const destroy = (server: Server) => {
    const { root } = server
    state.send(server, [{ ...server.stage, task: 'deleting' }, { status: 'DELETED' }], () => {
      server.deleted = true
      server.updated = stamp()
      for (const volume of state.volumes) {
        if (volume.attachment?.server === server.id) Object.assign(volume, { attachment: null, status: 'available' })
      }
      if (root?.own === true) state.volumes.splice(state.volumes.findIndex(({ id }) => id === root.volume), 1)
    })
    return nothing(204)
  }

  return {
    'GET /servers/detail': (asked) => {
      const shown = page(matching(asked), 'servers', asked, behaviour.pageSize)
      return ok({ ...shown, servers: (shown['servers'] as Server[]).map((server) => show(state, server, asked)) })
    },
    'GET /servers': (asked) => {
      const shown = page(matching(asked), 'servers', asked, behaviour.pageSize)
      const brief = ({ id, name }: Server) => ({ id, name, links: linksTo(asked.endpoint, `/servers/${id}`) })
      return ok({ ...shown, servers: (shown['servers'] as Server[]).map(brief) })
    },
    'POST /servers': create,
    'GET /servers/:id': (asked, { id }) => ok({ server: show(state, findServer(state, id!), asked) }),
    'PUT /servers/:id': (asked, { id }) => {
      const server = findServer(state, id!)
      const name = asked.body?.server?.name
      if (typeof name !== 'string' || name.trim() === '') throw new Fault(400, "An invalid 'name' value was provided.")
      server.name = name
      return ok({ server: show(state, server, asked) })
    },
    'DELETE /servers/:id': (_, { id }) => destroy(findServer(state, id!)),
    'POST /servers/:id/action': createActions(state),
    'GET /servers/:id/metadata': (_, { id }) => ok({ metadata: findServer(state, id!).metadata }),
    'POST /servers/:id/metadata': ({ body }, { id }) => {
      const server = findServer(state, id!)
      server.metadata = checkMetadata({ ...server.metadata, ...body.metadata })
      return ok({ metadata: server.metadata })
    },
    'PUT /servers/:id/metadata': ({ body }, { id }) => {
      const server = findServer(state, id!)
      server.metadata = checkMetadata(body.metadata)
      return ok({ metadata: server.metadata })
    }
  }
}
