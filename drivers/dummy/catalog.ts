import type { Image, Location, Size } from '../../openapi/model/index.ts'
import type { Context } from '../driver.ts'

/** How long an image of so many GiB is: most of a disk is empty. */
export const bytesPerGiB = 120_000_000

/** Accepted by a create, which then finds no host: for clients that want to see a failing node. */
export const impossibleSize = 'dummy.impossible'

const size = (id: string, vcpus: number, ram: number, disk: number, price: string | null) => ({ id, vcpus, ram, disk, price })

export const sizes = new Map([
  size('dummy.tiny', 1, 512, 5, '0.0035'),
  size('dummy.small', 1, 2048, 20, '0.0070'),
  size('dummy.medium', 2, 4096, 40, '0.0140'),
  size('dummy.large', 4, 8192, 80, '0.0280'),
  size(impossibleSize, 128, 1_048_576, 1000, null)
].map((one) => [one.id, one]))

const image = (id: string, name: string, ram: number, disk: number, os: Image['os']) => ({ id, name, min_ram: ram, min_disk: disk, os })

export const images = new Map([
  image('img-debian-12', 'Debian 12', 256, 3, { family: 'linux', distro: 'debian', version: '12' }),
  image('img-ubuntu-24-04', 'Ubuntu 24.04 LTS', 1024, 8, { family: 'linux', distro: 'ubuntu', version: '24.04' }),
  image('img-windows-2022', 'Windows Server 2022', 4096, 40, { family: 'windows', distro: 'windows-server', version: '2022' })
].map((one) => [one.id, one]))

export const zonesOf = (region: string) => [`${region}-a`, `${region}-b`]

const never = { created_at: null, updated_at: null, tags: {}, provider_state: null }
const made = '2026-01-15T00:00:00.000Z'

/** The catalog as model objects: `images`, `sizes` and `locations`, each in the order in which it is listed. */
export function createCatalog ({ identify }: Context, region: string) {
  return {
    images: [...images.values()].map(({ id, ...rest }): Image => ({
      ...identify('images', id, region),
      ...rest,
      state: 'available',
      provider_state: 'active',
      created_at: made,
      updated_at: made,
      tags: {},
      size_bytes: rest.min_disk * bytesPerGiB,
      architecture: 'x86_64',
      visibility: 'public',
      owner: 'dummy',
      is_snapshot: false
    })),
    sizes: [...sizes.values()].map(({ id, vcpus, ram, disk, price }): Size => ({
      ...identify('sizes', id, region),
      ...never,
      name: id,
      state: 'available',
      vcpus,
      ram,
      disk,
      ephemeral_disk: 0,
      swap: 0,
      architecture: ['x86_64'],
      gpus: [],
      price: price === null ? null : { amount: price, currency: 'EUR', per: 'hour', as_of: '2026-01-01', source: 'invented by the dummy cloud' }
    })),
    locations: [region, ...zonesOf(region)].map((id): Location => ({
      ...identify('locations', id, region),
      ...never,
      name: id,
      state: 'available',
      kind: id === region ? 'region' : 'zone',
      parent: id === region ? null : region,
      available: true
    }))
  }
}
