import { ProblemError, type Image, type ImageCreate, type ImageUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, LostCreate, ResourceRef } from '../../driver.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { glance, patchType, withOperation } from './glance.ts'
import type { GlanceImage } from './images.ts'
import { checkTagList, patchTagList } from '../client/tags.ts'
import { readFrom } from '../client/paging.ts'
import { pointed, type RefusedField } from '../compute/refusals.ts'
import { resources } from '../client/resources.ts'
import { operationKey } from '../../tags.ts'

const upstream = { service: 'image' } as const

export interface ImageChangesOptions {
  client: Client
  read: (id: string, call: Call) => Promise<GlanceImage>
  get: (id: string, call: Call) => Promise<Image>
}

const createFields: readonly RefusedField[] = [
  { said: /^instance .* (could not be|not) found|no resource has such/i, pointer: '/node_id' }, { said: /attribute name|image name/i, pointer: '/name' }
]
const updateFields: readonly RefusedField[] = [
  { said: /visibility/i, pointer: '/visibility' }, { said: /tag/i, pointer: '/tags' }, { said: /name/i, pointer: '/name' }
]

interface Operation {
  op: 'add' | 'replace'
  path: string
  value: unknown
}

/** Images of nodes, which Nova makes, and their changes, which are Glance's. */
export function createImageChanges ({ client, read, get }: ImageChangesOptions) {
  const patch = (id: string, operations: readonly Operation[], call: Call) => client.change(upstream, call, (token, region, headers) =>
    glance.image.patch(token, region, encodeId(id), operations, {}, { ...headers, ...patchType }))

  const remove = (id: string, call: Call) => client.change(upstream, call, (token, region, headers) =>
    glance.image.del(token, region, encodeId(id), undefined, {}, headers))

  /** Nova gives an image properties, but no tags: they are a call of their own. Without them there is no image either. */
  const tag = async (id: string, { tags = {} }: ImageCreate, call: Call) => {
    if (Object.keys(tags).length === 0) return
    try {
      await patch(id, [{ op: 'replace', path: '/tags', value: patchTagList([], tags) }], call)
    } catch (error) {
      if (!(error instanceof ProblemError) || error.outcomeUnknown) throw error
      await remove(id, call).catch(() => { throw lost(error) })
      throw explain(error, updateFields)
    }
  }

  return {
    async create (input: ImageCreate, call: Call): Promise<Change> {
      checkTagList(input.tags)
      const body = { createImage: { name: input.name, metadata: withOperation(call.operation) } }
      const { location = '' } = await client.headersOf({ service: 'compute' }, call, (token, region, headers) =>
        resources.serverAction.create(token, region, encodeId(input.node_id), body, {}, headers))
        .catch((error: unknown) => { throw explain(error, createFields) })
      const id = location.split('/').pop() ?? ''
      if (id === '') throw malformed('compute', false)
      await tag(id, input, call)
      return { resources: [{ kind: 'image', id }], until: { states: ['available'] } }
    },

    /** The name too, since an image of a node inherits the properties of the image that the node was made from. */
    async findCreated ({ id, input }: LostCreate<ImageCreate>, _since: Date, call: Call): Promise<ResourceRef[]> {
      const found: GlanceImage[] = []
      let token: string | null = null
      do {
        const page: { items: GlanceImage[], next: string | null } = await readFrom(token, (marker) =>
          client.list<GlanceImage>(upstream, call, (access, region, headers) =>
            resources.image.list(access, region, { [operationKey]: id, limit: 1000, ...marker }, headers)))
        found.push(...page.items.filter((image) => image[operationKey] === id && image.name === input.name))
        token = page.next
      } while (token !== null)
      for (const image of found) if ((image.tags ?? []).length === 0) await tag(image.id, input, call)
      return found.map((image) => ({ kind: 'image', id: image.id }))
    },

    /** All in one call. Tags are written as a whole: a writer in between may lose. */
    async update (id: string, { name, tags, visibility }: ImageUpdate, call: Call): Promise<Image> {
      checkTagList(tags)
      const list = tags === undefined ? undefined : patchTagList((await read(id, call)).tags ?? [], tags)
      const operations = Object.entries({ name, tags: list, visibility }).flatMap(([field, value]): Operation[] =>
        value === undefined ? [] : [{ op: 'replace', path: `/${field}`, value }])
      try {
        await patch(id, operations, call)
      } catch (error) {
        throw explain(error, updateFields)
      }
      return get(id, call)
    },

    async destroy (id: string, call: Call): Promise<Change> {
      try {
        await remove(id, call)
        return { resources: [{ kind: 'image', id }], until: { states: [], gone: true } }
      } catch (error) {
        throw explain(error, [])
      }
    }
  }
}

/** The image may be there without its tags: that is looked for, as a lost answer is. */
const lost = ({ code, message, details }: ProblemError) => new ProblemError(code, message, { ...details, outcomeUnknown: true })

function explain (error: unknown, fields: readonly RefusedField[]) {
  if (!(error instanceof ProblemError)) return error
  const field = explainable.has(error.code) ? pointed(error, fields) : undefined
  if (field !== undefined) return field
  const guarded = error.code === 'provider_permission_denied' && /is protected/i.test(error.message)
  return guarded ? new ProblemError('protected', error.message, { ...error.details, cause: error, hint: 'Unprotect it at the cloud first.' }) : error
}

const explainable = new Set<string>(['provider_rejected', 'resource_not_found'])
