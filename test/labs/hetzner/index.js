import { defineDriver, describe, printableName, Type } from 'cloud-orchestrator/driver'
import { createCatalog, sizeDetails } from './catalog.js'
import { createClient } from './client.js'
import { createFloatingIps, floatingIpDetails } from './floating-ips.js'
import { createImages, imageDetails } from './images.js'
import { createKeyPairs, keyPairDetails } from './key-pairs.js'
import { createNetworks, networkDetails } from './networks.js'
import { createNodes, nodeDetails } from './nodes.js'
import { createSecurityGroups, securityGroupDetails } from './security-groups.js'
import { createSubnets, subnetDetails, subnetId } from './subnets.js'
import { createVolumes, volumeDetails } from './volumes.js'

/** The settings of a cloud in the settings file. Messages and logs never show a value of the format `password`. */
const settings = Type.Object({
  endpoint: Type.String({
    default: 'https://api.hetzner.cloud/v1', format: 'uri', description: 'The address of the API, with its version.'
  }),
  token: Type.String({ format: 'password', minLength: 1, description: 'An API token of the project.' }),
  location: Type.Optional(Type.String({
    pattern: '^[a-z0-9-]{1,32}$',
    description: 'The only location of the cloud, such as fsn1. Default: all locations of the project.'
  })),
  network_zone: Type.String({ default: 'eu-central', description: 'The network zone of new subnets.' })
}, { additionalProperties: false })

/** Clients pass these as `provider_options.hetzner` of a node create. */
const createOptions = Type.Object({
  enable_ipv4: Type.Optional(Type.Boolean({
    description: 'Whether the node has a public IPv4 address. Default: true.'
  })),
  enable_ipv6: Type.Optional(Type.Boolean({
    description: 'Whether the node has public IPv6 addresses. Default: true.'
  })),
  placement_group: Type.Optional(Type.Integer({ minimum: 1, description: 'The id of a placement group.' }))
}, { additionalProperties: false })

/** Ids are integers up to 2^53: https://docs.hetzner.cloud/changelog#2023-03-16-int64-support-for-resource-ids */
const id = /^[1-9]\d{0,15}$/
const name = /^[a-z0-9][a-z0-9-]{0,31}$/

export default defineDriver({
  name: 'hetzner',
  title: 'Hetzner Cloud',
  settings,
  createOptions,
  locationSetting: 'location',
  connect ({ endpoint, token, location = null, network_zone: networkZone }, context) {
    const client = createClient(endpoint.replace(/\/+$/, ''), token, context)
    const cloud = { client, context, location, networkZone }
    const { sizes, locations, floating_ip_pools: pools, refresh } = createCatalog(cloud)
    return {
      cloud: context.cloud,
      driver: 'hetzner',
      host: new URL(endpoint).host,
      location,
      protects: 'destroy',
      ids: {
        nodes: id,
        images: id,
        sizes: name,
        locations: name,
        key_pairs: printableName,
        networks: id,
        subnets: subnetId,
        security_groups: id,
        floating_ips: id,
        floating_ip_pools: name,
        volumes: id
      },
      capabilities: {
        nodes: describe(nodeDetails),
        images: describe(imageDetails),
        sizes: describe(sizeDetails),
        key_pairs: describe(keyPairDetails),
        networks: describe(networkDetails),
        subnets: describe(subnetDetails),
        security_groups: describe(securityGroupDetails),
        floating_ips: describe(floatingIpDetails),
        volumes: describe(volumeDetails)
      },
      nodes: createNodes(cloud),
      images: createImages(cloud),
      sizes,
      locations,
      key_pairs: createKeyPairs(cloud),
      networks: createNetworks(cloud),
      subnets: createSubnets(cloud),
      security_groups: createSecurityGroups(cloud),
      floating_ips: createFloatingIps(cloud),
      floating_ip_pools: pools,
      volumes: createVolumes(cloud),
      /** The cheapest request that needs the token. */
      async check (call) {
        await client.send('GET', '/locations', call, { query: { per_page: 1 } })
      },
      /** Drops the currency of the prices. */
      refresh,
      close: () => client.close()
    }
  }
})
