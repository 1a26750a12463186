import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ReadService } from '../../driver.ts'
import { createSingleFlight } from '../../common/single-flight.ts'
import { notFound } from '../client/index.ts'

/** Milliseconds for which the list of sizes is cached. It changes with the catalog of the cloud. */
const cacheLifetime = 3_600_000

/** Milliseconds that reading the sizes may take: Amazon has some 900, in pages of 100. */
const readTimeout = 120_000

/** A size in both forms, because a list has some 900. */
interface CachedSize {
  withExtra: Size
  withoutExtra: Size
}

/** Sizes by id, in the order of their ids. */
type SizeMap = ReadonlyMap<string, CachedSize>

/** Caches the sizes of a cloud for an hour. `read` reads all, with `extra` if the cloud has more fields. */
export function createSizes (read: (call: Call) => Promise<Size[]>) {
  let cache: { sizes: SizeMap, expires: number } | undefined
  let generation = 0

  const readShared = createSingleFlight(readTimeout, async (call) => {
    const startGeneration = generation
    const sizes = toSizeMap(await read(call))
    // A refresh during the read makes the result stale.
    if (startGeneration === generation) {
      cache = { sizes, expires: performance.now() + cacheLifetime }
    }
    return sizes
  })

  const readSizes = async (call: Call): Promise<SizeMap> =>
    cache !== undefined && performance.now() < cache.expires ? cache.sizes : readShared(call)

  const service: ReadService<Size> = {
    /** Lists all sizes in one page, because they are in memory, so that filters see all of them. */
    async list ({ extra }, call) {
      const sizes = [...(await readSizes(call)).values()]
      return { items: sizes.map((size) => toItem(size, extra)), next: null, total: sizes.length }
    },

    async get (id, { extra }, call) {
      const size = (await readSizes(call)).get(id)
      if (size === undefined) throw notFound('size', id)
      return toItem(size, extra)
    }
  }

  return {
    service,
    has: async (id: string, call: Call) => (await readSizes(call)).has(id),
    refresh () {
      cache = undefined
      generation++
    }
  }
}

function toSizeMap (sizes: readonly Size[]): SizeMap {
  const sorted = [...sizes].sort((a, b) => a.id < b.id ? -1 : 1)
  return new Map(
    sorted.map((
      { extra = {}, ...size }
    ) => [size.id, { withExtra: { ...size, extra }, withoutExtra: size }])
  )
}

const toItem = ({ withExtra, withoutExtra }: CachedSize, extra: boolean) =>
  extra ? withExtra : withoutExtra
