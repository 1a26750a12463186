import {
  nodeVerbs,
  type NodeAction,
  type NodeCreate,
  type NodeVerb,
  type NodeVerbInput
} from '../../../openapi/model/index.ts'
import { describe, type NodeService } from '../../driver.ts'
import {
  assertField,
  assertUnprotected,
  checkQuotas,
  createRepository,
  demandOf,
  mergeLabels,
  nodeStateError,
  nodeStateOf,
  pageOf,
  rejectFields,
  tagLimits,
  untilAccepted,
  type Engine,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { rootVolumeOf } from '../storage/attachments.ts'
import { rootVolumeDemand } from '../storage/new-volume.ts'
import {
  addNodes,
  checkCreate,
  createSecrets,
  fitErrors,
  imageErrors,
  sizeErrors
} from './create.ts'
import { addGroup, attachNic, detachNic, removeGroup, toNic } from './nics.ts'
import { planDestroy, plans, schedulePlan, type Plan } from './plans.ts'
import { consoleOf, createFilter, toNode } from './view.ts'

export const nodeCapabilities = describe<NodeService>({
  list: { filters: ['state', 'name'] },
  create: {
    parameters: [
      'name',
      'image_id',
      'size_id',
      'availability_zone',
      'key_pair_name',
      'user_data',
      'networks',
      'networks.network_id',
      'networks.subnet_id',
      'networks.fixed_ip',
      'networks.security_group_ids',
      'security_group_ids',
      'root_volume',
      'root_volume.size',
      'root_volume.type',
      'root_volume.delete_on_termination',
      'tags',
      'count',
      'protected',
      'provider_options'
    ],
    // As EC2 has it.
    limits: { user_data_bytes: 16 * 1024 }
  },
  update: { parameters: ['name', 'tags', 'protected'], limits: tagLimits },
  reboot: { parameters: ['type'] },
  resize: { parameters: ['size_id'] },
  rebuild: { parameters: ['image_id'] },
  attach_nic: { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
  add_security_group: { parameters: ['security_group_id'] }
})

interface ActionInput {
  type?: string
  size_id?: string
  image_id?: string
}

function assertAllowed (node: NodeRecord, action: NodeAction, { type = 'soft' }: ActionInput) {
  assertUnprotected(node)
  const { state, allowed_actions: allowed } = nodeStateOf(node)
  // A soft reboot needs a running operating system.
  const isSoftReboot = action === 'reboot' && type === 'soft'
  const isTooSoft = isSoftReboot && state !== 'running' && state !== 'unknown'
  if (allowed.includes(action) && !isTooSoft) return
  const name = action === 'reboot' ? `${type} reboot` : action
  const allowsHardReboot = isTooSoft && allowed.includes('reboot')
  const hint = allowsHardReboot ? 'Only a hard reboot is possible in this state.' : undefined
  throw nodeStateError(node, `, which does not allow: ${name}`, hint)
}

export function createNodes (engine: Engine): NodeService {
  const { settings, open, save } = engine
  const {
    location,
    quotas,
    delay,
    delays,
    page_size: pageSize,
    soft_delete_seconds: softSeconds
  } = settings
  const { view, find, reads, update, changeAsync, findCreated } = createRepository(
    engine,
    'node',
    ({ nodes }) => nodes,
    (data) => toNode(engine, data)
  )

  const checkInput = (store: Store, node: NodeRecord, action: NodeAction, input: ActionInput) => {
    const { image_id: imageId = node.image_id, size_id: sizeId = node.size_id } = input
    const hasRootVolume = rootVolumeOf(store, node.id) !== undefined
    if (action === 'rebuild') rejectFields(imageErrors(store, imageId, sizeId, hasRootVolume))
    if (action !== 'resize') return
    assertField(sizeId !== node.size_id, '/size_id', 'must be another size than the present one')
    rejectFields(sizeErrors(sizeId))
    rejectFields(fitErrors(store, imageId, sizeId, hasRootVolume))
    checkQuotas(quotas, store, demandOf(sizeId, 1, node.size_id))
  }

  const act = (
    action: NodeAction,
    id: string,
    input: ActionInput,
    createPlan: (node: NodeRecord) => Plan
  ) =>
    changeAsync(id, (node, store) => {
      assertAllowed(node, action, input)
      checkInput(store, node, action, input)
      const plan = createPlan(node)
      return { steps: schedulePlan(plan, delays[action] ?? delay), until: plan.until }
    })

  const createVerb = <V extends NodeVerb>(verb: V) => (id: string, input: NodeVerbInput[V]) =>
    act(verb, id, input as ActionInput, (node) => plans[verb](node, input))
  const verbs: Partial<NodeService> = Object.fromEntries(
    nodeVerbs.map((verb) => [verb, createVerb(verb)])
  )

  const checkInputOfCreate = (store: Store, input: NodeCreate) => {
    const { size_id: sizeId, count = 1 } = input
    checkCreate(store, input, location)
    checkQuotas(quotas, store, {
      ...demandOf(sizeId, count),
      ...rootVolumeDemand(store, input, count)
    })
  }

  return {
    ...reads,
    list: async (query) =>
      pageOf((await open()).nodes, query, pageSize, view, createFilter(query.filters)),
    checkCreate: async (input) => checkInputOfCreate(await open(), input),
    async create (input, { operation }) {
      const store = await open()
      checkInputOfCreate(store, input)
      const ids = addNodes(store, input, settings, operation)
      await save()
      return {
        resources: ids.map((id) => ({ kind: 'node', id })),
        until: { states: ['running'] },
        ...createSecrets(input)
      }
    },
    findCreated,
    update: (id, patch) =>
      update(id, (node) => {
        const { name, tags, protected: isProtected = node.protected } = patch
        // A request that ends the protection can change other fields too.
        if (isProtected && (name !== undefined || tags !== undefined)) assertUnprotected(node)
        return { ...mergeLabels(node, patch), protected: isProtected }
      }),
    destroy: (id) => act('destroy', id, {}, () => planDestroy(softSeconds)),
    async console (id, kind) {
      const store = await open()
      return consoleOf(store, find(store, id).data, kind)
    },
    list_nics: async (id) => find(await open(), id).data.nics.map(toNic),
    attach_nic: (id, input) =>
      changeAsync(id, (node, store) => ({
        fields: attachNic(store, node, input),
        until: untilAccepted
      })),
    detach_nic: (id, nicId) =>
      changeAsync(id, (node, store) => ({
        fields: detachNic(store, node, nicId),
        until: untilAccepted
      })),
    async add_security_group (id, { security_group_id: groupId }) {
      await update(id, (node, store) => addGroup(store, node, groupId))
    },
    async remove_security_group (id, groupId) {
      await update(id, (node) => removeGroup(node, groupId))
    },
    ...verbs
  }
}
