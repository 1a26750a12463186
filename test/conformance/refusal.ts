import { pathOf, type ServiceName } from '../../drivers/driver.ts'

export interface RefusedRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  body?: object | string | undefined
  headers?: Record<string, string>
}

/** The least body of each request that needs one. */
const bodies: Record<string, object> = {
  'nodes.create': { name: 'x', image_id: 'x', size_id: 'x' },
  'nodes.resize': { size_id: 'x' },
  'nodes.rebuild': { image_id: 'x' },
  'nodes.attach_nic': { network_id: 'x' },
  'nodes.add_security_group': { security_group_id: 'x' },
  'key_pairs.create': { name: 'x' },
  'networks.create': { name: 'x' },
  'subnets.create': { network_id: 'x', cidr: '10.0.0.0/24' },
  'routers.create': { name: 'x' },
  'routers.add_interface': { subnet_id: 'x' },
  'routers.remove_interface': { subnet_id: 'x' },
  'security_groups.create': { name: 'x' },
  'security_groups.create_rule': { direction: 'ingress' },
  'floating_ips.associate': { node_id: 'x' },
  'volumes.create': { size: 1 },
  'volumes.attach': { node_id: 'x' },
  'volumes.extend': { size: 1 },
  'snapshots.create': { volume_id: 'x' },
  'images.create': { name: 'x', node_id: 'x' },
  'images.import': { name: 'x', disk_format: 'raw', url: 'http://127.0.0.1:9/x' }
}

/** Capabilities whose path is below that of their resource. */
const parts: Record<string, { method: RefusedRequest['method'], path: string }> = {
  'nodes.list_nics': { method: 'GET', path: '/nics' },
  'nodes.attach_nic': { method: 'POST', path: '/nics' },
  'nodes.detach_nic': { method: 'DELETE', path: '/nics/x' },
  'nodes.add_security_group': { method: 'POST', path: '/security-groups' },
  'nodes.remove_security_group': { method: 'DELETE', path: '/security-groups/x' },
  'nodes.console': { method: 'GET', path: '/console' },
  'security_groups.create_rule': { method: 'POST', path: '/rules' },
  'security_groups.destroy_rule': { method: 'DELETE', path: '/rules/x' }
}

/** A request for a capability, to be refused by a cloud that lacks it. */
export function requestFor (capability: string, absent: Readonly<Record<ServiceName, string>>): RefusedRequest {
  const [service, method] = capability.split('.') as [ServiceName, string]
  const collection = `/${pathOf(service)}`
  const one = `${collection}/${encodeURIComponent(absent[service])}`
  const body = bodies[capability]
  const part = parts[capability]
  if (part !== undefined) return { method: part.method, path: one + part.path, body }
  if (method === 'list') return { method: 'GET', path: collection }
  if (method === 'get') return { method: 'GET', path: one }
  if (method === 'destroy') return { method: 'DELETE', path: one }
  if (method === 'update') return { method: 'PATCH', path: one, body: { name: 'x' } }
  if (method === 'create') return { method: 'POST', path: collection, body }
  if (method === 'import') return { method: 'POST', path: `${collection}/import`, body }
  if (method === 'upload') {
    const headers = { 'content-type': 'application/octet-stream' }
    return { method: 'POST', path: `${collection}/upload?name=x&disk_format=raw`, body: 'x', headers }
  }
  return { method: 'POST', path: `${one}/actions/${method}`, body }
}
