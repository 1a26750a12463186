import type { FastifyInstance, FastifyRequest } from 'fastify'
import { methodOf, type Filters, type ReadService, type ServiceName } from '../../drivers/driver.ts'
import { ProblemError, type Node } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../../plugins/clouds/handle.ts'
import { contextOf, readContext } from '../../plugins/clouds/context.ts'
import { readAllPages } from '../../plugins/lists/sorted.ts'

/** A resource that v1 names by its id or by its name. */
interface Named {
  id: string
  name: string | null
}

/** Ids that an error lists at most. */
const maxListed = 20

const list = (items: readonly Named[]) => items.slice(0, maxListed).map(({ id }) => id).join(', ')

/** Reads clouds for the requests of v1, which has no pages. */
export function createFinder ({ farm }: FastifyInstance) {
  const cloudOf = (request: FastifyRequest): CloudHandle => {
    const { cloud = 'default' } = request.params as { cloud?: string }
    return farm.seenBy(request.caller).handle(cloud, contextOf(request))
  }

  const listAll = async <T>(
    request: FastifyRequest,
    service: ServiceName,
    { name }: CloudHandle,
    filters: Filters = {}
  ): Promise<T[]> => {
    const { items, error } = await readAllPages(
      {
        farm: farm.seenBy(request.caller),
        service,
        context: readContext(request),
        until: Infinity,
        filters,
        extra: true,
        // A change needs the present state.
        fresh: request.method !== 'GET'
      },
      name,
      () => {}
    )
    if (error !== undefined) throw error
    return items as T[]
  }

  const getById = async <T>(
    cloud: CloudHandle,
    service: ServiceName,
    id: string
  ): Promise<T | undefined> => {
    if (cloud.connection.ids[service]?.test(id) === false) return undefined
    try {
      return await cloud.call((connection, call) =>
        methodOf<ReadService<T>['get']>(connection, service, 'get')(id, { extra: true }, call)
      )
    } catch (error) {
      if ((error as ProblemError).code === 'resource_not_found') return undefined
      throw error
    }
  }

  const findByName = async <T extends Named>(
    request: FastifyRequest,
    service: ServiceName,
    cloud: CloudHandle,
    name: string
  ) =>
    (await listAll<T>(request, service, cloud, { name: [name] })).filter((item) =>
      item.name === name
    )

  return {
    cloudOf,
    listAll,

    /** Finds an image or a size by its id or its name. Throws validation_failed with the key of the body. */
    async findNamed (
      request: FastifyRequest,
      service: 'images' | 'sizes',
      key: string,
      value: string
    ) {
      const cloud = cloudOf(request)
      const byId = await getById<Named>(cloud, service, value)
      if (byId !== undefined) return byId
      const found = await findByName<Named>(request, service, cloud, value)
      if (found.length === 1) return found[0]!
      const message = found.length === 0
        ? `the cloud ${cloud.name} has no ${key} with the id or name "${value}"`
        : `${found.length} of the cloud ${cloud.name} have the name "${value}"; use an id: ${
          list(found)
        }`
      throw new ProblemError('validation_failed', message, {
        errors: [{ in: 'body', pointer: `/${key}`, message }]
      })
    },

    /**
     * Finds the node of a request. Throws resource_not_found, or already_exists if several nodes have the hostname: the
     * original took the first.
     */
    async findNode (
      request: FastifyRequest,
      { node: id, hostname }: { node?: string, hostname?: string }
    ) {
      const cloud = cloudOf(request)
      if (id !== undefined) {
        const node = await getById<Node>(cloud, 'nodes', id)
        if (node !== undefined) return node
        throw new ProblemError(
          'resource_not_found',
          `The cloud ${cloud.name} has no node with the id "${id}"`
        )
      }
      const named = await findByName<Node>(request, 'nodes', cloud, hostname!)
      const found = named.filter(({ state }) => state !== 'terminated')
      if (found.length === 1) return found[0]!
      if (found.length === 0) {
        throw new ProblemError(
          'resource_not_found',
          `The cloud ${cloud.name} has no node "${hostname}"`
        )
      }
      const detail = `${found.length} nodes have the hostname "${hostname}": ${list(found)}`
      throw new ProblemError('already_exists', detail, {
        hint: 'Send the id of one of them as `node`.'
      })
    }
  }
}

export type Finder = ReturnType<typeof createFinder>
