import { nodeVerbs, ProblemError, type NodeAction, type NodeVerb, type NodeVerbInput } from '../../openapi/model/index.ts'
import type { Change, NodeService } from '../driver.ts'
import { addNodes } from './add.ts'
import { planDestroy, plans, stepsOf, type Plan } from './changes.ts'
import { consoleOf } from './console.ts'
import { checkCreate, fitErrors, imageErrors, newSecrets, optionsOf, sizeErrors } from './create.ts'
import { listNodes } from './list.ts'
import { checkQuotas, demandOf } from './quota.ts'
import { createNodeParts } from './network/node-parts.ts'
import { field, refuse } from './refusal.ts'
import type { ChangeName, Settings } from './settings.ts'
import { mapState } from './states.ts'
import type { State } from './state.ts'
import { hasRootVolume, rootDemand } from './storage/root-volume.ts'
import type { Entry, Store } from './store.ts'
import type { StoredNode } from './stored.ts'
import { mergeTags } from './tags.ts'
import type { View } from './view.ts'

function find (store: Store, id: string) {
  const entry = store.nodes.find(id)
  if (entry === undefined) throw new ProblemError('resource_not_found', `There is no node ${id}`)
  return entry
}

/** Throws protected or invalid_state where the node does not allow this. */
function assertAllowed (node: StoredNode, action: NodeAction, input: { type?: string }) {
  if (node.protected) throw new ProblemError('protected', `Node ${node.id} is protected`)
  const { state, allowed_actions: allowed } = mapState(node.status, node.task)
  const asked = action === 'reboot' ? `${input.type ?? 'soft'} reboot` : action
  // There must be an operating system at work to be asked.
  const soft = asked === 'soft reboot' && state !== 'running' && state !== 'unknown'
  if (allowed.includes(action) && !soft) return
  throw new ProblemError('invalid_state', `Node ${node.id} is ${state}, which does not allow: ${asked}`, {
    state,
    allowed_actions: allowed,
    ...(soft && allowed.includes('reboot') ? { hint: 'Only a hard reboot is possible in this state.' } : {})
  })
}

/** The nodes of the dummy cloud: everything that the model knows, in memory and, where there is one, in the state file. */
export function createNodes (settings: Settings, state: State, view: View): NodeService {
  const { open, save } = state
  const { location, delay, delays, quotas, page_size: pageSize, soft_delete_seconds: softSeconds } = settings
  const stepsFor = (change: ChangeName, plan: Plan) => stepsOf(plan, Date.now(), delays[change] ?? delay)

  const checkInput = (store: Store, { data }: Entry, action: NodeAction, input: { size_id?: string, image_id?: string }) => {
    const fromVolume = hasRootVolume(store, data.id)
    if (action === 'rebuild') refuse(imageErrors(store, input.image_id!, data.size_id, fromVolume))
    if (action !== 'resize') return
    const sizeId = input.size_id!
    refuse(sizeId === data.size_id ? [field('/size_id', 'must be another size than the present one')] : sizeErrors(sizeId))
    refuse(fitErrors(store, data.image_id, sizeId, fromVolume))
    checkQuotas(quotas, store, demandOf(sizeId, 1, data.size_id))
  }

  const act = async (action: NodeAction, id: string, input: object, planFor: (node: StoredNode) => Plan): Promise<Change> => {
    const store = await open()
    const entry = find(store, id)
    assertAllowed(entry.data, action, input)
    checkInput(store, entry, action, input)
    const plan = planFor(entry.data)
    store.nodes.move(entry, stepsFor(action, plan))
    await save()
    return { resources: [{ kind: 'node', id }], until: plan.until }
  }

  const verb = <V extends NodeVerb>(name: V) => (id: string, input: NodeVerbInput[V]) =>
    act(name, id, input, (node) => plans[name](node, input))
  const verbs = Object.fromEntries(nodeVerbs.map((name) => [name, verb(name)])) as unknown as Required<Pick<NodeService, NodeVerb>>

  return {
    list: async (query) => listNodes(await open(), query, pageSize, view),
    get: async (id, { extra }) => view(find(await open(), id), extra),
    async create (input, call) {
      const store = await open()
      checkCreate(store, input, location)
      const { count = 1 } = input
      checkQuotas(quotas, store, { ...demandOf(input.size_id, count), ...rootDemand(store, input, count) })
      const { ids, until } = addNodes(store, input, settings, call)
      await save()
      return { resources: ids.map((id) => ({ kind: 'node', id })), until, ...newSecrets(optionsOf(input)) }
    },
    findCreated: async ({ id: operation }) => (await open()).nodes.createdBy(operation).map((id) => ({ kind: 'node', id })),
    async update (id, patch) {
      const store = await open()
      const entry = find(store, id)
      const { name = entry.data.name, protected: locked = entry.data.protected } = patch
      const changesMore = patch.name !== undefined || patch.tags !== undefined
      // What takes the protection off may change the rest in one go.
      if (entry.data.protected && locked && changesMore) throw new ProblemError('protected', `Node ${id} is protected`)
      const tags = patch.tags === undefined ? entry.data.tags : mergeTags(entry.data.tags, patch.tags)
      store.nodes.set(entry, { name, tags, protected: locked })
      await save()
      return view(entry)
    },
    console: async (id, kind) => {
      const store = await open()
      return consoleOf(store, find(store, id).data, kind)
    },
    destroy: (id) => act('destroy', id, {}, () => planDestroy(softSeconds)),
    ...createNodeParts(state),
    ...verbs
  }
}
