import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import type { Actions } from './action.ts'
import type { Fields } from './filters.ts'
import type { Cloud } from './state.ts'

/** Name, cores, disk in GB, memory in MB: those a 4.x starts with (VmTypes.PredefinedTypes). */
export const instanceTypes = [
  ['t1.micro', 1, 5, 256],
  ['m1.small', 1, 5, 256],
  ['m1.medium', 1, 10, 512],
  ['c1.medium', 2, 10, 512],
  ['m1.large', 2, 10, 512],
  ['m1.xlarge', 2, 10, 1024],
  ['c1.xlarge', 2, 10, 2048],
  ['m2.xlarge', 2, 10, 2048],
  ['m3.xlarge', 4, 15, 2048],
  ['m2.2xlarge', 2, 30, 4096],
  ['m3.2xlarge', 4, 30, 4096],
  ['cc1.4xlarge', 8, 60, 3072],
  ['m2.4xlarge', 8, 60, 4096],
  ['hi1.4xlarge', 8, 120, 6144],
  ['cc2.8xlarge', 16, 120, 6144],
  ['cg1.4xlarge', 16, 200, 12288],
  ['cr1.8xlarge', 16, 240, 16384],
  ['hs1.8xlarge', 48, 24000, 119808]
].map(([name, cpu, disk, memory]) => ({
  name: String(name),
  cpu: Number(cpu),
  disk: Number(disk),
  memory: Number(memory)
}))

/** How many instances of a type fit into a zone, and into it now. */
function roomOf (cloud: Cloud, { name, cpu }: (typeof instanceTypes)[number], zoneName: string) {
  const max = Math.max(0, Math.floor(64 / cpu))
  const running = [...cloud.instances.values()]
    .filter((one) => one.type === name && one.state === 'running' && one.zone === zoneName)
  return { max, available: cloud.behaviour.full.has(name) ? 0 : max - running.length }
}

/** The table that `verbose` adds to a zone, as rows that look like zones (ClusterEndpoint). */
const verboseRows = (cloud: Cloud, zoneName: string) => [
  { zoneName: '|- vm types', zoneState: 'free / max   cpu   ram  disk' },
  ...instanceTypes.map((type) => {
    const { max, available } = roomOf(cloud, type, zoneName)
    const number = (value: number, width: number) => String(value).padStart(width, '0')
    const left = `${number(available, 4)} / ${number(max, 4)}`
    const size = [[type.cpu, 4], [type.memory, 6], [type.disk, 5]] as const
    return {
      zoneName: `|- ${type.name}`,
      zoneState: `${left} ${size.map(([value, width]) => String(value).padStart(width)).join('')}`
    }
  })
]

export const zoneActions: Actions = {
  DescribeAvailabilityZones (cloud, query) {
    const names = query.list('ZoneName')
    // The word of old for all zones with how much of each type is left, which only administrators see.
    const isVerbose = names.includes('verbose')
    const asked = names.filter((name) => name !== 'verbose')
    for (const name of asked) {
      if (!cloud.zones.includes(name)) throw fault('InvalidParameterValue', `Invalid availability zone: [${name}]`)
    }
    const all = cloud.zones.filter(name => !asked.length || asked.includes(name))
      .map(zoneName => ({ zoneName, zoneState: 'available', regionName: cloud.region, messageSet: [] }))
    const fields: Fields<typeof all[number]> = {
      'zone-name': zone => zone.zoneName, state: zone => zone.zoneState, 'region-name': zone => zone.regionName
    }
    const zones = filtered(cloud, query, all, fields)
    if (!isVerbose || !cloud.behaviour.administrator) return { availabilityZoneInfo: zones }
    return {
      availabilityZoneInfo: zones.flatMap((zone) => [zone, ...verboseRows(cloud, zone.zoneName).map((row) => (
        { ...row, regionName: cloud.region, messageSet: [] }))])
    }
  },

  DescribeRegions (cloud, query) {
    const asked = query.list('RegionName')
    const all = [
      { regionName: cloud.region, regionEndpoint: `http://compute.${cloud.region}.internal:8773/services/compute` }
    ].filter(({ regionName }) => !asked.length || asked.includes(regionName))
    const fields: Fields<(typeof all)[number]> = {
      'region-name': (region) => region.regionName,
      endpoint: (region) => region.regionEndpoint
    }
    return { regionInfo: filtered(cloud, query, all, fields) }
  },

  DescribeAccountAttributes (cloud, query) {
    const attributes = {
      'supported-platforms': ['VPC'],
      'default-vpc': [[...cloud.vpcs.values()].find(({ isDefault }) => isDefault)?.id ?? 'none'],
      'max-instances': [String(cloud.behaviour.quotas.instances)],
      'vpc-max-security-groups-per-interface': ['5'],
      'max-elastic-ips': [String(cloud.behaviour.quotas.addresses)],
      'vpc-max-elastic-ips': [String(cloud.behaviour.quotas.addresses)]
    }
    const asked = query.list('AttributeName')
    for (const name of asked) {
      if (!(name in attributes)) {
        throw fault('InvalidParameterValue', `Value (${name}) for parameter attribute is invalid`)
      }
    }
    const shown = Object.entries(attributes).filter(([name]) => !asked.length || asked.includes(name))
    return {
      accountAttributeSet: shown.map(([attributeName, values]) => ({
        attributeName, attributeValueSet: values.map(attributeValue => ({ attributeValue }))
      }))
    }
  },

  /** Eucalyptus' own; how much of a type is left is told only to administrators (VmTypesManager). */
  DescribeInstanceTypes (cloud, query) {
    const asked = query.list('InstanceType')
    const availability = query.flag('Availability') ?? false
    if (availability && !cloud.behaviour.administrator) {
      throw fault('AuthFailure', 'Not permitted to access availability')
    }
    const types = instanceTypes.filter(({ name }) => !asked.length || asked.includes(name))
    return {
      instanceTypeDetails: types.map(type => {
        return {
          ...type,
          availability: availability
            ? cloud.zones.map((zoneName) => ({ name: type.name, zoneName, ...roomOf(cloud, type, zoneName) }))
            : [],
          ephemeralDisk: []
        }
      })
    }
  }
}
