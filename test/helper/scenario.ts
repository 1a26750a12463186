import type { Test } from 'tap'
import type { Api } from './api.ts'

export interface Stage {
  api: Api
  cloud: string
  image_id: string
  size_id: string
  /** The network that leads outside. */
  external_network_id: string
  prefix: string
}

const collections = [
  'nodes',
  'floating-ips',
  'volumes',
  'snapshots',
  'images',
  'routers',
  'subnets',
  'networks',
  'security-groups',
  'key-pairs'
]

/**
 * How many of each there are, for a look before and after: what others make meanwhile under names of theirs does not
 * count.
 */
export async function census ({ api, cloud, prefix }: Stage): Promise<Record<string, number>> {
  const counts = await Promise.all(collections.map(async (collection) => {
    const { items } = await api.walk(`/api/v2/clouds/${cloud}/${collection}`)
    const ours = collection === 'floating-ips' ? items : items.filter(({ name }) => name?.startsWith(prefix) === true)
    return [collection, ours.length] as const
  }))
  return Object.fromEntries(counts)
}

/**
 * A user's afternoon through plain HTTP: a network with all that belongs to it, a node with two NICs, a volume, a
 * floating IP, a snapshot, an image; then everything removed. `between` is called when all is there.
 */
export async function scenario (
  t: Test,
  stage: Stage,
  between: (made: Record<string, any>) => Promise<void> = async () => {}
) {
  const { api, cloud, image_id, size_id, external_network_id, prefix } = stage
  const base = `/api/v2/clouds/${cloud}`
  const before = await census(stage)
  const remove: string[] = []

  /** Whatever happens, nothing is left. */
  const clear = async () => {
    for (const self of remove.splice(0).reverse()) {
      if (self.startsWith('POST ')) {
        const [, path, body] = /^POST (\S+) (.*)$/.exec(self)!
        await settled(await api.post(path!, JSON.parse(body!)))
      } else {
        await settled(await api.delete(self))
      }
    }
  }
  const settled = async ({ status, body }: { status: number, body: any }) => {
    if (status === 202) await api.ended(body)
  }
  t.teardown(clear)

  const make = async (collection: string, body: object) => {
    const answer = await api.post(`${base}/${collection}`, body)
    if (answer.status >= 400) {
      throw new Error(`create in ${collection} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    if (answer.status === 201) {
      if (answer.body.self !== undefined) remove.push(answer.body.self)
      return answer.body
    }
    const operation = await api.ended(answer.body)
    for (const { self } of operation.resources) remove.push(self)
    t.equal(operation.status, 'succeeded', `${collection}: ${operation.kind} succeeds`, { operation })
    return (await api.get(operation.resource.self)).body
  }
  const act = async (path: string, body: object = {}) => {
    const answer = await api.post(path, body)
    t.ok(answer.status < 300, `POST ${path.slice(base.length)} is accepted`, { body: answer.body })
    return answer.status === 202 ? api.ended(answer.body) : answer.body
  }
  const name = (what: string) => `${prefix}${what}`

  const network = await make('networks', { name: name('front') })
  const subnet = await make('subnets', { name: name('front'), network_id: network.id, cidr: '10.77.1.0/24' })
  const back = await make('networks', { name: name('back') })
  const backSubnet = await make('subnets', { name: name('back'), network_id: back.id, cidr: '10.77.2.0/24' })
  const router = await make('routers', { name: name('router'), external_gateway: { network_id: external_network_id } })
  await act(`${router.self}/actions/add_interface`, { subnet_id: subnet.id })
  remove.push(`POST ${router.self}/actions/remove_interface ${JSON.stringify({ subnet_id: subnet.id })}`)
  const group = await make('security-groups', { name: name('web'), description: 'web servers' })
  await act(`${group.self}/rules`, { direction: 'ingress', protocol: 'tcp', port_min: 443, cidr: '0.0.0.0/0' })
  const key = await make('key-pairs', { name: name('key') })
  t.match(key.secrets.private_key, /PRIVATE KEY/)
  const volume = await make('volumes', { name: name('data'), size: 2 })
  const node = await make('nodes', {
    name: name('web'),
    image_id,
    size_id,
    key_pair_name: key.name,
    user_data: '#cloud-config\npackages: [nginx]\n',
    networks: [
      { network_id: network.id, security_group_ids: [group.id] },
      { subnet_id: backSubnet.id, fixed_ip: '10.77.2.10' }
    ],
    tags: { role: 'web' }
  })
  t.match(node, { state: 'running', key_pair_name: key.name, tags: { role: 'web' } })
  t.ok(node.private_ips.includes('10.77.2.10'))
  await act(`${volume.self}/actions/attach`, { node_id: node.id })
  remove.push(`POST ${volume.self}/actions/detach {}`)
  const nics = (await api.get(`${node.self}/nics`)).body.items as { id: string, network_id: string }[]
  t.equal(nics.length, 2)
  const ip = await make('floating-ips', { pool: external_network_id })
  await act(`${ip.self}/actions/associate`, { nic_id: nics.find(({ network_id: id }) => id === network.id)!.id })
  const snapshot = await make('snapshots', { name: name('data'), volume_id: volume.id })
  const image = await make('images', { name: name('golden'), node_id: node.id })
  await between({ network, back, router, group, key, volume, node, ip, snapshot, image })
  const shown = (await api.get(node.self)).body
  t.same(shown.volume_ids, [volume.id])
  t.ok(shown.public_ips.includes(ip.address))

  await clear()
  t.same(await census(stage), before, 'the cloud is as empty as before')
}
