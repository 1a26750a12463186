import { defres } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { explainFields, type FieldRefusal } from '../../common/refusals.ts'
import { operationKey } from '../../common/tags.ts'
import { bind, type RefusalContext } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** An image of Glance v2. Its custom properties are beside its fields. */
export interface GlanceImage {
  id: string
  name?: string | null
  status: string
  created_at?: string
  updated_at?: string
  tags?: string[]
  min_ram?: number
  min_disk?: number
  size?: number | null
  visibility?: string
  /** From version 2.7. */
  os_hidden?: boolean
  owner?: string | null
  architecture?: string
  hw_architecture?: string
  os_type?: string
  os_distro?: string
  os_version?: string
  image_type?: string
  /** The volume's snapshot, if the image is of a node that boots from a volume. */
  block_device_mapping?: string
  /** The stores for which an import has failed. */
  os_glance_failed_import?: string
  /** The operation that made the image. */
  [operationKey]?: string
}

/** Calls of Glance v2. The PATCH of openstack-client cannot set its content type. */
const calls = {
  list: resources.image.list,
  show: resources.image.show,
  ...defres('image', '/v2/images', null, {
    only: ['create', 'del'],
    patch: ['patch', '/:id', null],
    upload: ['put', '/:id/file', null],
    import: ['post', '/:id/import', null],
    tasks: ['get', '/:id/tasks', 'tasks']
  }),
  ...defres('image', '/v2/info/import', 'import-methods', {
    only: [],
    importMethods: ['get', '', 'import-methods']
  })
}

const patchHeaders = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
const fileHeaders = { 'content-type': 'application/octet-stream' }

/** Makes the calls of Glance for images. */
export function createGlance (client: Client) {
  const images = bind<GlanceImage>(client, calls, { service: 'image', explain: explainImage })
  const tasks = bind<{ status?: string }>(client, { list: calls.tasks }, { service: 'image' })

  return {
    ...images,
    /** Replaces fields of an image, all in one call. Undefined fields stay as they are. */
    async patch (id: string, replacements: object, call: Call, fields: readonly FieldRefusal[]) {
      const operations = Object.entries(replacements).flatMap(([field, value]: [string, unknown]) =>
        value === undefined ? [] : [{ op: 'replace', path: `/${field}`, value }]
      )
      await images.of(id).send(calls.patch, operations, call, { headers: patchHeaders, fields })
    },
    upload: (
      id: string,
      file: AsyncIterable<Uint8Array>,
      call: Call,
      fields: readonly FieldRefusal[]
    ) => images.of(id).send(calls.upload, file, call, { headers: fileHeaders, fields }),
    import: (id: string, body: object, call: Call, fields: readonly FieldRefusal[]) =>
      images.of(id).send(calls.import, body, call, { fields }),
    /** Reads the methods by which Glance imports files. Glance has imports from version 2.6. */
    readImportMethods: (call: Call) => images.read<{ value?: unknown }>(calls.importMethods, call),
    readTasks: async (id: string, call: Call) => (await tasks.of(id).list({}, call)).items
  }
}

export type Glance = ReturnType<typeof createGlance>

function explainImage (error: unknown, { fields }: RefusalContext) {
  if (!(error instanceof ProblemError)) return error
  if (error.code === 'provider_permission_denied' && /is protected/i.test(error.message)) {
    return error.with({ code: 'protected', hint: 'Unprotect it at the cloud first.' })
  }
  return explainFields(error, fields)
}
