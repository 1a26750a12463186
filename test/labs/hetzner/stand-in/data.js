/** The offers of the cloud of the tests, in the form of the API. */

/** @type {(id: number, name: string, city: string, country?: string, zone?: string) => any} */
const place = (id, name, city, country = 'DE', zone = 'eu-central') => ({
  id,
  name,
  description: `${city} DC Park 1`,
  country,
  city,
  latitude: 50.1,
  longitude: 12.3,
  network_zone: zone
})

export const locations = [
  place(1, 'fsn1', 'Falkenstein'), place(2, 'nbg1', 'Nuremberg'), place(3, 'hel1', 'Helsinki', 'FI'),
  place(4, 'ash', 'Ashburn', 'US', 'us-east')
]

/** @param {string} net an amount */
const price = (net) => ({ net, gross: String(Number(net) * 1.19) })

/**
 * Prices are invented; they differ in one location.
 * @type {(id: number, name: string, cores: number, memory: number, disk: number, more?: object) => any}
 */
const type = (id, name, cores, memory, disk, more = {}) => ({
  id,
  name,
  description: name.toUpperCase(),
  category: 'cost_optimized',
  cores,
  memory,
  disk,
  deprecated: false,
  deprecation: null,
  prices: locations.map(({ name: location }) => ({
    location,
    price_hourly: price(location === 'ash' ? '0.0090000000' : '0.0060000000'),
    price_monthly: price('3.7900000000'),
    included_traffic: 21990232555520,
    price_per_tb_traffic: price('1.0000000000')
  })),
  storage_type: 'local',
  cpu_type: 'shared',
  architecture: 'x86',
  locations: locations.map(({ id, name }) => ({ id, name, deprecation: null, available: true, recommended: true })),
  ...more
})

export const serverTypes = [
  type(114, 'cx23', 2, 4, 40),
  type(115, 'cx33', 4, 8, 80),
  type(45, 'cax11', 2, 4, 40, { architecture: 'arm' }),
  // The cloud has no room for it.
  type(99, 'ccx63', 48, 192, 960)
]

/** @type {(id: number, name: string, flavor: string, version: string, architecture?: string) => any} */
const image = (id, name, flavor, version, architecture = 'x86') => ({
  id,
  type: 'system',
  status: 'available',
  name,
  description: `${flavor} ${version}`,
  image_size: null,
  disk_size: 5,
  created: '2025-08-15T05:21:30Z',
  created_from: null,
  bound_to: null,
  os_flavor: flavor,
  os_version: version,
  architecture,
  rapid_deploy: true,
  protection: { delete: false },
  deprecated: null,
  deleted: null,
  labels: {}
})

export const systemImages = [
  image(114690387, 'debian-12', 'debian', '12'), image(161547269, 'ubuntu-24.04', 'ubuntu', '24.04'),
  image(114690389, 'debian-12', 'debian', '12', 'arm')
]

export const pricing = { currency: 'EUR', vat_rate: '19.00' }
