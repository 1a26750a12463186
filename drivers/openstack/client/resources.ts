import { defres, glance, neutron, nova, type Read, type Write } from 'openstack-client'

interface Metadata {
  show: Read<[id: string]>
  update: Write<[id: string]>
  read: Read<[id: string]>
  /** Sets the keys given, and leaves the others. */
  create: Write<[id: string]>
  /** Puts a whole new map in the place of the old one. */
  replace: Write<[id: string]>
}

/** Reads a map of metadata (`show`), sets some of its keys (`create`), or replaces it (`update`). */
export const metadataActions = { only: ['create'], show: ['get', '', 'metadata'], update: ['put', '', 'metadata'] }

/** The calls of openstack-client that are used, with those that it lacks. */
export const resources = {
  server: nova.server,
  serverDetail: nova.serverDetail,
  serverAction: nova.serverAction,
  /** Its own `serverMetadata` wraps a POST as `{meta}`, which Nova takes for one key only. */
  serverMetadata: defres<Metadata>('compute', '/servers/:server_id/metadata', 'metadata', {
    ...metadataActions, read: ['get', '', 'metadata'], replace: ['put', '', 'metadata']
  }),
  computeVersion: defres<{ read: Read }>('compute-root', '/', 'version', { only: [], read: ['get', '', 'version'] }),
  flavor: nova.flavor,
  flavorDetail: nova.flavorDetail,
  availabilityZone: nova.availabilityZone,
  image: glance.image,
  keyPair: nova.keypair,
  port: neutron.port,
  network: neutron.network,
  subnet: neutron.subnet,
  router: neutron.router,
  floatingIp: neutron.floatingip,
  securityGroup: neutron.securityGroup,
  securityGroupRule: neutron.securityGroupRule,
  /** Tags of anything in Neutron, as one list that takes the place of the old one. */
  networkTags: defres<{ update: Write<[collection: string, id: string]> }>('network', '/v2.0', null, {
    only: [], update: ['put', '/:collection/:id/tags']
  })
}
