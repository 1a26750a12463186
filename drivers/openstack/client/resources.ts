import { defres, glance, neutron, nova } from 'openstack-client'

/** Reads a map of metadata (`show`), sets some of its keys (`create`), or replaces it (`update`). */
export const metadataActions = {
  only: ['create'],
  show: ['get', '', 'metadata'],
  update: ['put', '', 'metadata']
} as const

/** The calls of openstack-client that are used, and those that it lacks. */
export const resources = {
  /** The projects that the token's user could choose. */
  authProject: defres('identity', '/auth/projects', 'project', { only: ['list'] }),
  server: nova.server,
  serverDetail: nova.serverDetail,
  serverAction: nova.serverAction,
  /** The `serverMetadata` of openstack-client wraps a POST in `meta`, which Nova accepts for one key only. */
  serverMetadata: defres('compute', '/servers/:server_id/metadata', 'metadata', metadataActions),
  computeVersion: defres('compute-root', '/', 'version', {
    only: [],
    show: ['get', '', 'version']
  }),
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
  /** Replaces the tags of any resource of Neutron. */
  networkTags: defres('network', '/v2.0/:collection/:id/tags', null, {
    only: [],
    update: ['put', '']
  })
}
