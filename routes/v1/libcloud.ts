import { createHash } from 'node:crypto'
import type { Node, NodeState } from '../../openapi/model/index.ts'

/** Names and states of Apache Libcloud 3.9.1 (libcloud/compute/types.py and drivers/), which clients of v1 expect. */

/** `name` and `type` of Libcloud's driver for each kind of cloud. */
const drivers: Readonly<Record<string, { name: string, type: string }>> = {
  dummy: { name: 'Dummy Node Provider', type: 'dummy' },
  ec2: { name: 'Amazon EC2', type: 'ec2' },
  // Libcloud's driver for Eucalyptus has no type, which Python writes as None.
  eucalyptus: { name: 'Eucalyptus', type: 'None' },
  openstack: { name: 'OpenStack', type: 'openstack' },
  rackspace: { name: 'Rackspace Cloud (Next Gen)', type: 'rackspace' }
}

export const providerOf = (driver: string) => drivers[driver]?.name ?? driver

/** Libcloud's uuid of a node: the SHA-1 of its id and the type of its driver (`Node.get_uuid`). */
export const uuidOf = (id: string, driver: string) =>
  createHash('sha1').update(`${id}:${drivers[driver]?.type ?? driver}`).digest('hex')

/** The states that Libcloud names otherwise, by its NODE_STATE_MAP of OpenStack and EC2. */
const states: Partial<Record<NodeState, string>> = { rescued: 'pending', terminating: 'unknown' }

/** Path of a node in v2. */
export const pathOf = (cloud: string, id: string) =>
  `/api/v2/clouds/${cloud}/nodes/${encodeURIComponent(id)}`

/** A node in the form of v1. `extra` has the raw fields of the cloud. */
export function toNode (node: Node) {
  const { id, name, driver, public_ips, private_ips, state, extra = {} } = node
  return {
    name,
    uuid: uuidOf(id, driver),
    id,
    provider: providerOf(driver),
    public_ips,
    private_ips,
    cloud_type: driver,
    state: states[state] ?? state,
    extra
  }
}
