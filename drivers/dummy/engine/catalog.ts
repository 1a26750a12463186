import type { Image, Location, Size, VolumeType } from '../../../openapi/model/index.ts'
import type { Context } from '../../driver.ts'

/** Bytes of an image for each GiB of its disk. Most of a disk is empty. */
export const bytesPerGiB = 120_000_000

/** A create accepts this size and then finds no host, so that clients can see a node fail. */
export const impossibleSize = 'dummy.impossible'

const size = (id: string, vcpus: number, ram: number, disk: number, price: string | null) => ({
  id,
  vcpus,
  ram,
  disk,
  price
})

export const sizes = new Map([
  size('dummy.tiny', 1, 512, 5, '0.0035'),
  size('dummy.small', 1, 2048, 20, '0.0070'),
  size('dummy.medium', 2, 4096, 40, '0.0140'),
  size('dummy.large', 4, 8192, 80, '0.0280'),
  size(impossibleSize, 128, 1_048_576, 1000, null)
].map((one) => [one.id, one]))

const image = (id: string, name: string, ram: number, disk: number, os: Image['os']) => ({
  id,
  name,
  min_ram: ram,
  min_disk: disk,
  os
})

export const builtInImages = new Map([
  image('img-debian-12', 'Debian 12', 256, 3, { family: 'linux', distro: 'debian', version: '12' }),
  image('img-ubuntu-24-04', 'Ubuntu 24.04 LTS', 1024, 8, {
    family: 'linux',
    distro: 'ubuntu',
    version: '24.04'
  }),
  image('img-windows-2022', 'Windows Server 2022', 4096, 40, {
    family: 'windows',
    distro: 'windows-server',
    version: '2022'
  })
].map((one) => [one.id, one]))

export const defaultVolumeType = 'standard'

const volumeTypes = [
  { id: defaultVolumeType, description: 'General-purpose disks', is_default: true },
  { id: 'fast', description: 'Disks with low latency', is_default: false }
]

/** The names of the volume types are also their ids. */
export const volumeTypeNames: readonly string[] = volumeTypes.map(({ id }) => id)

export const zonesOf = (region: string) => [`${region}-a`, `${region}-b`]

const imagesCreatedAt = '2026-01-15T00:00:00.000Z'

/** The built-in resources as model objects, each list in the order in which it is listed. */
export function createCatalog ({ identify }: Context, region: string) {
  const common = {
    state: 'available' as const,
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {}
  }
  return {
    images: [...builtInImages.values()].map(({ id, ...rest }): Image => ({
      ...identify('images', id, region),
      ...rest,
      state: 'available',
      provider_state: 'active',
      created_at: imagesCreatedAt,
      updated_at: imagesCreatedAt,
      tags: {},
      size_bytes: rest.min_disk * bytesPerGiB,
      architecture: 'x86_64',
      visibility: 'public',
      owner: 'dummy',
      is_snapshot: false
    })),
    sizes: [...sizes.values()].map(({ id, price, ...rest }): Size => ({
      ...identify('sizes', id, region),
      ...common,
      name: id,
      ...rest,
      ephemeral_disk: 0,
      swap: 0,
      architecture: ['x86_64'],
      gpus: [],
      price: price === null
        ? null
        : {
            amount: price,
            currency: 'EUR',
            per: 'hour',
            as_of: '2026-01-01',
            source: 'invented by the dummy cloud'
          }
    })),
    locations: [region, ...zonesOf(region)].map((id): Location => ({
      ...identify('locations', id, region),
      ...common,
      name: id,
      kind: id === region ? 'region' : 'zone',
      parent: id === region ? null : region,
      available: true
    })),
    volumeTypes: volumeTypes.map(({ id, ...rest }): VolumeType => ({
      ...identify('volume_types', id, region),
      ...common,
      name: id,
      ...rest
    }))
  }
}
