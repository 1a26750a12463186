import { ProblemError, type ImageImport, type ImageUpload } from '../../../openapi/model/index.ts'
import { openCall, within, type Call } from '../../call.ts'
import { toChange } from '../../common/changes.ts'
import type { Change, ImageService } from '../../driver.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { operationKey } from '../../common/tags.ts'
import { checkTagList, patchTagList } from '../client/tags.ts'
import type { Glance } from './glance.ts'

const fields: readonly FieldRefusal[] = [
  { pattern: /\buri\b|web-download/i, pointer: '/url' },
  { pattern: /disk_format/, pointer: '/disk_format' },
  { pattern: /min_ram/, pointer: '/min_ram' },
  { pattern: /min_disk/, pointer: '/min_disk' },
  { pattern: /\btags?\b/, pointer: '/tags' },
  { pattern: /\bname\b/, pointer: '/name' }
]

type FileInput = ImageUpload & Pick<ImageImport, 'tags'>

/**
 * Makes images of files: an empty image first, which is then filled, or deleted after a failure.
 * `timeout` is in milliseconds.
 */
export function createImageFiles (glance: Glance, timeout: number) {
  /** Whether Glance imports files; undefined until it is known. */
  let importsFiles: boolean | undefined

  const createEmpty = async ({ tags, ...input }: FileInput, call: Call) => {
    const body = {
      ...input,
      container_format: 'bare',
      visibility: 'private',
      tags: tags && patchTagList([], tags),
      [operationKey]: call.operation
    }
    const { id } = await glance.create(body, call, { fields })
    return id
  }

  /** Deletes an image with a deadline of its own, because the call may be over. */
  const remove = async (id: string, { log, requestId }: Call) => {
    const call = openCall({ timeout, log, requestId })
    try {
      await glance.remove(id, call)
    } finally {
      call.end()
    }
  }

  const fill = async (id: string, call: Call, run: () => Promise<unknown>): Promise<Change> => {
    try {
      await run()
      return toChange('image', id, { states: ['available'] })
    } catch (error) {
      const isRemoved = await remove(id, call).then(
        () => true,
        () => false
      )
      throw error instanceof ProblemError ? error.with({ outcomeUnknown: !isRemoved }) : error
    }
  }

  const discover = async (call: Call) => {
    if (importsFiles !== undefined) return importsFiles
    const { value } = await glance.readImportMethods(call).catch(withoutImports)
    importsFiles = Array.isArray(value) && value.includes('web-download')
    return importsFiles
  }

  return {
    async upload (input, file, call) {
      const id = await within(call, timeout, (limited) => createEmpty(input, limited))
      return fill(id, call, () => glance.upload(id, file, call, fields))
    },

    async import ({ url, ...input }, call) {
      checkTagList(input.tags)
      if (!(await discover(call))) {
        const detail = 'The Glance of this cloud does not import files from a URL'
        throw new ProblemError('not_supported', detail, { capability: 'images.import' })
      }
      const id = await createEmpty(input, call)
      const body = { method: { name: 'web-download', uri: url } }
      return fill(id, call, () => glance.import(id, body, call, fields))
    },

    /** Reads once whether Glance imports files. */
    discover,
    /** Whether there is an `import`: true until it is known. */
    canImport: () => importsFiles !== false,
    forget () {
      importsFiles = undefined
    }
  } satisfies Pick<ImageService, 'upload' | 'import'> & Record<string, unknown>
}

/** Glance before version 2.6 has no imports. */
function withoutImports (error: unknown): { value?: unknown } {
  if (
    error instanceof ProblemError &&
    (error.code === 'resource_not_found' || error.code === 'not_supported')
  ) {
    return {}
  }
  throw error
}
