import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import type { Actions } from './action.ts'
import type { Cloud } from './state.ts'
import type { Tree } from './xml.ts'

/** Resources that can have tags: their collection in the state, and the name of their type. */
const kinds: Record<string, { things: keyof Cloud, type: string }> = {
  i: { things: 'instances', type: 'instance' },
  vol: { things: 'volumes', type: 'volume' },
  snap: { things: 'snapshots', type: 'snapshot' },
  emi: { things: 'images', type: 'image' },
  eki: { things: 'images', type: 'image' },
  eri: { things: 'images', type: 'image' },
  sg: { things: 'groups', type: 'security-group' },
  vpc: { things: 'vpcs', type: 'vpc' },
  subnet: { things: 'subnets', type: 'subnet' },
  igw: { things: 'gateways', type: 'internet-gateway' },
  rtb: { things: 'routeTables', type: 'route-table' },
  eni: { things: 'nics', type: 'network-interface' }
}

/** As they are shown with their resource. */
export function tagSet (cloud: Cloud, id: string): Tree {
  return [...cloud.tags.get(id) ?? []].map(([key, value]) => ({ key, value }))
}

/** From Eucalyptus' TagManager: what is written for a key, and how long it may be. */
export const tagActions: Actions = {
  CreateTags (cloud, query) {
    const tags = query.groups('Tag').map(tag => [tag.one('Key') ?? '', (tag.one('Value') ?? '').trim()] as const)
    for (const [key, value] of tags) {
      if (/^(aws|euca):/.test(key)) {
        throw fault('InvalidParameterValue', "Tag keys starting with 'aws:' and 'euca:' are reserved for internal use")
      }
      if (key.trim() === '' || key.length > 127) {
        throw fault('InvalidParameterValue', 'Tag key exceeds the maximum length of 127 characters')
      }
      if (value.length > 255) {
        throw fault('InvalidParameterValue', 'Tag value exceeds the maximum length of 255 characters')
      }
    }
    const ids = query.list('ResourceId').map(id => resource(cloud, id))
    for (const id of ids) {
      const all = new Map([...cloud.tags.get(id) ?? [], ...tags])
      if (all.size > 10) throw fault('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.')
      cloud.tags.set(id, all)
    }
  },

  DeleteTags (cloud, query) {
    for (const id of query.list('ResourceId').map(given => resource(cloud, given))) {
      for (const tag of query.groups('Tag')) {
        const [key, value] = [tag.one('Key') ?? '', tag.has('Value') ? tag.one('Value') ?? '' : undefined]
        if (value === undefined || cloud.tags.get(id)?.get(key) === value) cloud.tags.get(id)?.delete(key)
      }
    }
  },

  DescribeTags (cloud, query) {
    const all = [...cloud.tags].flatMap(([resourceId, tags]) => {
      const resourceType = kinds[prefixOf(resourceId)]!.type
      return [...tags].map(([key, value]) => ({ resourceId, resourceType, key, value }))
    })
    const shown = filtered(cloud, query, all, {
      key: (tag) => tag.key,
      value: (tag) => tag.value,
      'resource-id': (tag) => tag.resourceId,
      'resource-type': (tag) => tag.resourceType
    })
    return { tagSet: shown }
  }
}

function resource (cloud: Cloud, given: string): string {
  const id = given.toLowerCase()
  const kind = kinds[prefixOf(id)]
  if (!kind || !(cloud[kind.things] as Map<string, unknown>).has(id)) {
    throw fault('InvalidID', `The ID '${given}' is not valid`)
  }
  return id
}

function prefixOf (id: string): string {
  return id.split('-')[0] ?? ''
}
