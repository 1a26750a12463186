import { ProblemError, type Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import { createFlight } from '../../single-flight.ts'

/** Milliseconds that a list of sizes is kept: it changes with the cloud's own catalog. */
const lifetime = 3_600_000

/** Milliseconds that reading it may take: Amazon tells some nine hundred in pages of a hundred. */
const patience = 120_000

export interface SizesOptions {
  /** Reads all sizes of the cloud, with `extra` where it has more to tell. */
  read: (call: Call) => Promise<Size[]>
}

type Kept = ReadonlyMap<string, { bare: Size, whole: Size }>

/** Sizes of a cloud, which are read whole, once an hour, by one for all who wait. */
export function createSizes ({ read }: SizesOptions) {
  let kept: { sizes: Kept, until: number } | undefined
  let generation = 0

  const fly = createFlight(patience, async (call) => {
    const mine = generation
    const sizes = toKept(await read(call))
    // What was forgotten meanwhile is not kept.
    if (mine === generation) kept = { sizes, until: performance.now() + lifetime }
    return sizes
  })

  const all = async (call: Call): Promise<Kept> => kept !== undefined && performance.now() < kept.until ? kept.sizes : fly(call)

  const service: ReadService<Size> = {
    /** All at once: they are in memory, and a filter finds among all of them in one page. */
    async list ({ extra }: ListQuery, call: Call): Promise<ListResult<Size>> {
      const sizes = [...(await all(call)).values()]
      return { items: sizes.map(({ bare, whole }) => extra ? whole : bare), next: null, applied: [], total: sizes.length }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const found = (await all(call)).get(id)
      if (found === undefined) throw new ProblemError('resource_not_found', `There is no size ${id}`)
      return extra ? found.whole : found.bare
    }
  }

  return {
    service,
    has: async (id: string, call: Call) => (await all(call)).has(id),
    forget () {
      kept = undefined
      generation++
    }
  }
}

/** In the order of their ids. */
const toKept = (sizes: readonly Size[]): Kept => new Map([...sizes]
  .sort((a, b) => a.id < b.id ? -1 : 1)
  .map(({ extra = {}, ...bare }) => [bare.id, { bare, whole: { ...bare, extra } }]))
