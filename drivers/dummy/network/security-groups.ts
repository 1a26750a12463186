import { ProblemError, type SecurityGroup } from '../../../openapi/model/index.ts'
import type { Context, SecurityGroupService } from '../../driver.ts'
import { newRecord } from '../record.ts'
import { commonOf, createReadsOf, newId } from '../records.ts'
import { must } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import type { Store } from '../store.ts'
import { mergeTags } from '../tags.ts'
import { defaultGroup, firstRules } from './builtin.ts'
import { isSameRule, ruleFrom } from './rules.ts'
import type { StoredGroup } from './stored.ts'

/** Throws in_use where the group is on a NIC, or at the other end of another group's rule, or is the default group. */
function assertUnused ({ nodes, security_groups: groups }: Store, id: string) {
  if (id === defaultGroup) throw new ProblemError('in_use', 'The default security group stays: NICs for which none is named have it')
  const node = nodes.entries.find(({ data }) => data.nics.some(({ security_group_ids: ids }) => ids.includes(id)))
  if (node !== undefined) throw new ProblemError('in_use', `Security group ${id} is on the node ${node.data.id}`)
  const other = groups.entries.find(({ data }) => data.id !== id && data.rules.some(({ remote_group_id: remote }) => remote === id))
  if (other !== undefined) throw new ProblemError('in_use', `A rule of the security group ${other.data.id} names ${id}`)
}

/** Only one group is called `default`; other names may repeat. */
function assertName (name: string | undefined) {
  if (name === 'default') throw new ProblemError('already_exists', 'The security group `default` exists already')
}

const newRuleId = ({ security_groups: groups }: Store) =>
  newId({ has: (id) => groups.entries.some(({ data }) => data.rules.some((rule) => rule.id === id)) }, 'rule')

/** Security groups, which hang on NICs; the rules of each are made and deleted, never changed. */
export function createSecurityGroups ({ location, page_size: pageSize }: Settings, state: State, context: Context): SecurityGroupService {
  const { open, save } = state
  const of = (store: Store) => store.security_groups
  const { view, find, reads } = createReadsOf(state, 'security group', of, pageSize, (data: StoredGroup): SecurityGroup => ({
    ...commonOf(context, 'security_groups', location, data),
    state: 'available',
    description: data.description,
    network_id: null,
    rules: data.rules
  }))

  return {
    ...reads,
    async create ({ name, description = '', tags = {} }) {
      assertName(name)
      const store = await open()
      const groups = of(store)
      const rules = firstRules(() => newRuleId(store))
      const entry = groups.add({ ...newRecord(groups.newSeq(), newId(groups, 'sg')), name, description, tags: { ...tags }, rules })
      await save()
      return view(entry)
    },
    async update (id, { name, description, tags }) {
      const store = await open()
      const entry = find(store, id)
      const { data } = entry
      if (name !== data.name) {
        must(name === undefined || id !== defaultGroup, '/name', 'must stay: this is the default group')
        assertName(name)
      }
      of(store).set(entry, { name: name ?? data.name, description: description ?? data.description, tags: mergeTags(data.tags, tags) })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      assertUnused(store, id)
      of(store).remove(entry)
      await save()
    },
    async create_rule (id, input) {
      const store = await open()
      const entry = find(store, id)
      const rule = ruleFrom(store, input, newRuleId(store))
      const same = entry.data.rules.find((one) => isSameRule(one, rule))
      if (same !== undefined) throw new ProblemError('already_exists', `Security group ${id} has this rule already: ${same.id}`)
      of(store).set(entry, { rules: [...entry.data.rules, rule] })
      await save()
      return rule
    },
    async destroy_rule (id, ruleId) {
      const store = await open()
      const entry = find(store, id)
      const rules = entry.data.rules.filter((rule) => rule.id !== ruleId)
      if (rules.length === entry.data.rules.length) throw new ProblemError('resource_not_found', `Security group ${id} has no rule ${ruleId}`)
      of(store).set(entry, { rules })
      await save()
    }
  }
}
