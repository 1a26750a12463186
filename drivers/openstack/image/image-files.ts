import { ProblemError, type ImageImport, type ImageUpload } from '../../../openapi/model/index.ts'
import { openCall, within, type Call } from '../../call.ts'
import type { Change } from '../../driver.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { fileType, glance, withOperation } from './glance.ts'
import { checkTagList, patchTagList } from '../client/tags.ts'
import { pointed } from '../compute/refusals.ts'

const upstream = { service: 'image' } as const

const fields = [
  { said: /\buri\b|web-download/i, pointer: '/url' }, { said: /disk_format/, pointer: '/disk_format' }, { said: /min_ram/, pointer: '/min_ram' },
  { said: /min_disk/, pointer: '/min_disk' }, { said: /\btags?\b/, pointer: '/tags' }, { said: /\bname\b/, pointer: '/name' }
]

const asked = (id: string): Change => ({ resources: [{ kind: 'image', id }], until: { states: ['available'] } })

/** Images of files. An image is made first and filled then; where that fails it is deleted again. `timeout` is in milliseconds. */
export function createImageFiles (client: Client, timeout: number) {
  /** Whether Glance fetches files; undefined before it was asked. */
  let fetches: boolean | undefined

  const make = async (input: ImageUpload & { tags?: ImageImport['tags'] }, call: Call) => {
    const answer = await client.change(upstream, call, (token, region, headers) =>
      glance.image.create(token, region, toBody(input, call.operation), {}, headers))
    const { id } = (answer ?? {}) as { id?: unknown }
    if (typeof id !== 'string') throw malformed('image', false)
    return id
  }

  /** With time of its own, since the call may be over; throws where the empty image is left. */
  const remove = async (id: string, { log, requestId }: Call) => {
    const call = openCall({ timeout, log, requestId })
    try {
      await client.change(upstream, call, (token, region, headers) => glance.image.del(token, region, encodeId(id), undefined, {}, headers))
    } finally {
      call.end()
    }
  }

  const fill = async (id: string, call: Call, run: () => Promise<unknown>) => {
    try {
      await run()
      return asked(id)
    } catch (error) {
      const removed = await remove(id, call).then(() => true, () => false)
      throw settled(error, removed)
    }
  }

  const discover = async (call: Call) => {
    if (fetches !== undefined) return fetches
    const answer = await client.show<{ value?: unknown }>(upstream, call, (token, region, headers) =>
      glance.importInfo.read(token, region, {}, headers)).catch(withoutImports)
    fetches = Array.isArray(answer.value) && answer.value.includes('web-download')
    return fetches
  }

  return {
    async upload (input: ImageUpload, file: AsyncIterable<Uint8Array>, call: Call): Promise<Change> {
      const id = await within(call, timeout, (limited) => make(input, limited)).catch((error: unknown) => { throw explain(error) })
      return fill(id, call, () => client.change(upstream, call, (token, region, headers) =>
        glance.image.upload(token, region, encodeId(id), file, {}, { ...headers, ...fileType })))
    },

    async import ({ url, ...input }: ImageImport, call: Call): Promise<Change> {
      checkTagList(input.tags)
      if (!await discover(call)) {
        throw new ProblemError('not_supported', 'The Glance of this cloud does not fetch files', { capability: 'images.import' })
      }
      const id = await make(input, call).catch((error: unknown) => { throw explain(error) })
      const body = { method: { name: 'web-download', uri: url } }
      return fill(id, call, () => client.change(upstream, call, (token, region, headers) =>
        glance.image.import(token, region, encodeId(id), body, {}, headers)))
    },

    /** Finds it out, once. */
    discover,
    /** Whether there is an `import`: as long as that is not known there is. */
    canImport: () => fetches !== false,
    forget () { fetches = undefined }
  }
}

const toBody = ({ tags, ...input }: ImageUpload & { tags?: ImageImport['tags'] }, operation: string | undefined) => ({
  ...input,
  container_format: 'bare',
  visibility: 'private',
  ...(tags === undefined ? {} : { tags: patchTagList([], tags) }),
  ...withOperation(operation)
})

/** Glance before its version 2.6 has no imports. */
function withoutImports (error: unknown): { value?: unknown } {
  if (error instanceof ProblemError && (error.code === 'resource_not_found' || error.code === 'not_supported')) return {}
  throw error
}

/** A failure after which nothing is left, or after which it is open what is. */
function settled (error: unknown, removed: boolean) {
  const explained = explain(error)
  if (!(explained instanceof ProblemError)) return explained
  return new ProblemError(explained.code, explained.message, { ...explained.details, cause: error, outcomeUnknown: !removed })
}

function explain (error: unknown) {
  if (!(error instanceof ProblemError) || error.code !== 'provider_rejected') return error
  return pointed(error, fields) ?? error
}
