import { modelOf, services } from '../../drivers/driver.ts'

/** Calls an operation of the API by its operationId. Returns the body of the answer. */
export type CallApi = (operationId: string, request?: {
  /** Parameters of the path. `cloud` is `default`. */
  path?: Record<string, string>
  query?: string
  body?: unknown
  /** The content of a file, in place of a JSON body. */
  file?: string
}) => Promise<Answer>

/** An answer, as far as later calls need it. */
export interface Answer {
  id: string
  items: { id: string }[]
  resource: { id: string }
}

const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGbM9u0UoEu9KFHTCHPIoBqTNWZuVEjJ0mVyFBbE2y5x me@example.test'

/** The resources that are listed in pages. */
const collections = services.filter((service) => service !== 'quotas').map((service) => modelOf[service])

async function callReads (call: CallApi) {
  for (const name of ['Liveness', 'Readiness']) await call(`get${name}`)
  const single = [
    'listClouds',
    'getCloud',
    'refreshCloud',
    'listQuotas',
    'getSummary',
    'listDrivers'
  ]
  for (const operationId of single) await call(operationId)
  await call('getDriver', { path: { driver: 'dummy' } })
  await call('listAudit', { query: 'limit=1' })
  await call('getDriverProvider', { path: { driver: 'libcloud', provider: 'digitalocean' } })
  await call('getMe')
  await call('getMay', { query: 'action=nodes.stop&cloud=default' })
  const { id } = await call('createKey', {
    body: { name: 'ci-team-a', grants: [{ clouds: ['team-a-*'], level: 'manage' }] }
  })
  await call('listKeys')
  await call('getKey', { path: { id } })
  await call('revokeKey', { path: { id } })
  await callWebhooks(call)
  for (const name of collections) {
    await call(`listAll${name}s`, { query: 'limit=1' })
    const { items: [first] } = await call(`list${name}s`, { query: 'limit=1' })
    // The others are read when they exist.
    if (first !== undefined) await call(`get${name}`, { path: { id: first.id } })
  }
}

/** The webhook is disabled, so that nothing is sent. */
async function callWebhooks (call: CallApi) {
  const { id } = await call('createWebhook', {
    body: {
      url: 'https://portal.example.org/hooks/clouds',
      filter: { clouds: ['default'], types: ['operation.ended', 'node.*'] },
      enabled: false
    }
  })
  const path = { id }
  for (const operationId of ['listWebhooks', 'getWebhook']) await call(operationId, { path })
  await call('updateWebhook', { path, body: { filter: { types: ['operation.*'] } } })
  const { id: delivery } = await call('testWebhook', { path })
  await call('listWebhookDeliveries', { path })
  await call('getWebhookDelivery', { path: { id, delivery } })
  await call('redeliverWebhook', { path: { id, delivery } })
  await call('deleteWebhook', { path })
}

/** Walks a node through all its verbs. */
async function callVerbs (call: CallApi, id: string, sizeId: string, imageId: string) {
  const path = { id }
  const verbs: [name: string, input?: object][] = [
    ['stop'],
    ['start'],
    ['reboot', { type: 'hard' }],
    ['pause'],
    ['resume'],
    ['suspend'],
    ['resume'],
    ['shelve'],
    ['resume'],
    ['rescue', {}],
    ['unrescue'],
    ['resize', { size_id: sizeId }],
    ['confirmResize'],
    ['resize', { size_id: 'dummy.small' }],
    ['revertResize'],
    ['rebuild', { image_id: imageId }]
  ]
  for (const [verb, body] of verbs) await call(`${verb}Node`, { path, body })
  for (const [verb, input] of verbs) await call(`${verb}Nodes`, { body: { ids: [id], input } })
}

async function callStorage (call: CallApi, node: string) {
  const { resource: volume } = await call('createVolume', { body: { name: 'data', size: 10 } })
  const path = { id: volume.id }
  await call('getVolume', { path })
  await call('updateVolume', { path, body: { tags: { purpose: 'database' } } })
  await call('extendVolume', { path, body: { size: 20 } })
  await call('attachVolume', { path, body: { node_id: node } })
  await call('detachVolume', { path, body: { node_id: node } })
  const { resource: snapshot } = await call('createSnapshot', {
    body: { name: 'monday', volume_id: volume.id }
  })
  await call('listSnapshots')
  await call('getSnapshot', { path: { id: snapshot.id } })
  await call('updateSnapshot', { path: { id: snapshot.id }, body: { name: 'keep' } })
  await call('deleteSnapshot', { path: { id: snapshot.id } })
  await call('deleteVolume', { path })

  const { resource: image } = await call('createImage', {
    body: { name: 'web-golden', node_id: node }
  })
  await call('updateImage', { path: { id: image.id }, body: { name: 'web-golden-1' } })
  await call('deleteImage', { path: { id: image.id } })
  await call('importImage', {
    body: {
      name: 'debian-13',
      disk_format: 'qcow2',
      url: 'https://cloud.debian.org/images/debian-13.qcow2'
    }
  })
  await call('uploadImage', { query: 'name=tiny&disk_format=raw', file: 'the bytes of the file' })
}

async function callNetworks (call: CallApi, node: string) {
  const { id: network } = await call('createNetwork', { body: { name: 'backend' } })
  await call('updateNetwork', { path: { id: network }, body: { name: 'backend-1' } })
  const { id: subnet } = await call('createSubnet', {
    body: { network_id: network, cidr: '192.168.7.0/24' }
  })
  await call('updateSubnet', { path: { id: subnet }, body: { dns_servers: ['192.168.7.2'] } })
  const { id: router } = await call('createRouter', {
    body: { name: 'edge', external_gateway: { network_id: 'net-public' } }
  })
  await call('listRouters')
  await call('getRouter', { path: { id: router } })
  await call('updateRouter', { path: { id: router }, body: { name: 'edge-1' } })
  await call('addRouterInterface', { path: { id: router }, body: { subnet_id: subnet } })
  await call('attachNodeNic', { path: { id: node }, body: { network_id: network } })
  const { items: nics } = await call('listNodeNics', { path: { id: node } })
  await call('detachNodeNic', { path: { id: node, nic: nics.at(-1)!.id } })
  await call('removeRouterInterface', { path: { id: router }, body: { subnet_id: subnet } })
  await call('deleteRouter', { path: { id: router } })
  await call('deleteSubnet', { path: { id: subnet } })
  await call('deleteNetwork', { path: { id: network } })

  const { id: group } = await call('createSecurityGroup', {
    body: { name: 'web', description: 'HTTP' }
  })
  await call('updateSecurityGroup', {
    path: { id: group },
    body: { description: 'HTTP and HTTPS' }
  })
  const { id: rule } = await call('createSecurityGroupRule', {
    path: { id: group },
    body: { direction: 'ingress', protocol: 'tcp', port_min: 80, port_max: 80, cidr: '0.0.0.0/0' }
  })
  await call('addNodeSecurityGroup', { path: { id: node }, body: { security_group_id: group } })
  await call('removeNodeSecurityGroup', { path: { id: node, group } })
  await call('deleteSecurityGroupRule', { path: { id: group, rule } })
  await call('deleteSecurityGroup', { path: { id: group } })

  const { id: address } = await call('createFloatingIp', { body: { pool: 'net-public' } })
  await call('getFloatingIp', { path: { id: address } })
  await call('associateFloatingIp', { path: { id: address }, body: { node_id: node } })
  await call('disassociateFloatingIp', { path: { id: address } })
  await call('deleteFloatingIp', { path: { id: address } })
}

/** Calls every operation of the API at least once. */
export async function callAll (call: CallApi) {
  await callReads(call)
  await call('createKeyPair', { body: { name: 'laptop', public_key: publicKey } })
  await call('listKeyPairs')
  await call('getKeyPair', { path: { id: 'laptop' } })
  // This body must work on the default farm as well: Swagger UI offers it.
  const body = {
    name: 'web-9',
    image_id: 'img-debian-12',
    size_id: 'dummy.small',
    tags: { env: 'test' }
  }
  await call('validateNode', { body })
  const operation = await call('createNode', { body })
  const { id } = operation.resource
  await call('getNode', { path: { id } })
  await call('updateNode', { path: { id }, body: { tags: { env: 'prod' } } })
  await call('getNodeConsole', { path: { id } })
  await callVerbs(call, id, 'dummy.medium', 'img-debian-12')
  await callStorage(call, id)
  await callNetworks(call, id)
  await call('assignNode', {
    path: { id },
    body: { user: 'ada', application: 'billing', expires_in: 1800, on_expiry: 'stop' }
  })
  await call('listAssignments', { query: 'user=ada' })
  await call('releaseNode', { path: { id }, body: {} })
  await call('destroyNode', { path: { id } })
  await call('restoreNode', { path: { id } })
  await call('destroyNodes', { body: { ids: [id], input: { if_state: 'running' } } })
  await call('restoreNodes', { body: { ids: [id] } })
  await call('deleteKeyPair', { path: { id: 'laptop' } })
  await call('listOperations', { query: 'limit=1' })
  await call('listNodeOperations', { path: { id }, query: 'limit=1' })
  await call('getOperation', { path: { id: operation.id }, query: 'wait=30' })
  await call('streamEvents', { query: 'type=node.created' })
}
