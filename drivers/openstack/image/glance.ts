import { defres, type Read, type Write } from 'openstack-client'
import { operationKey } from '../../tags.ts'

interface Calls {
  create: Write
  patch: Write<[id: string]>
  del: Write<[id: string]>
  /** Its body is the file, as a stream. */
  upload: Write<[id: string]>
  import: Write<[id: string]>
  /** What imports have come to. */
  tasks: Read<[id: string]>
}

/** The calls of Glance v2 that change something: openstack-client's own PATCH says its type in a way that cannot be set. */
export const glance = {
  image: defres<Calls>('image', '/v2/images', null, {
    only: ['create', 'del'],
    patch: ['patch', '/:id', null],
    upload: ['put', '/:id/file', null],
    import: ['post', '/:id/import', null],
    tasks: ['get', '/:id/tasks', 'tasks']
  }),
  importInfo: defres<{ read: Read }>('image', '/v2/info/import', 'import-methods', { only: [], read: ['get', '', 'import-methods'] })
}

export const patchType = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
export const fileType = { 'content-type': 'application/octet-stream' }

/** The property that carries an operation into the cloud. */
export const withOperation = (operation: string | undefined) => operation === undefined ? {} : { [operationKey]: operation }
