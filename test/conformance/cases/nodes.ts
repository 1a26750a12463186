import { ids, type Case } from './case.ts'
import { reading } from './reading.ts'

const states: Record<string, Case> = {
  'nodes.stop': {
    title: 'stops a running node, which is not destroyed, and does nothing where it is stopped already',
    async run ({ t, node, act, api, base }) {
      const { id } = await node()
      const stopped = await act(id, 'stop')
      t.equal(stopped.state, 'stopped')
      t.notOk(stopped.transitioning)
      const again = await api.post(`${base}/nodes/${id}/actions/stop`)
      t.equal(again.status, 200, 'asking again succeeds at once')
      t.equal(again.body.status, 'succeeded')
    }
  },
  'nodes.start': {
    title: 'starts a stopped node, and does nothing where it runs already',
    async run ({ t, node, act, api, base }) {
      const { id } = await node()
      const again = await api.post(`${base}/nodes/${id}/actions/start`, {})
      t.equal(again.status, 200, 'a running node is started')
      await act(id, 'stop')
      t.equal((await act(id, 'start')).state, 'running')
    }
  },
  'nodes.reboot': {
    title: 'reboots softly and, where the cloud can, hard; a stopped node never softly',
    async run ({ t, node, act, api, base, problem, capabilities }) {
      const { id } = await node()
      const path = `${base}/nodes/${id}/actions/reboot`
      const hasTypes = capabilities['nodes.reboot']!.parameters.includes('type')
      t.equal((await act(id, 'reboot')).state, 'running')
      if (hasTypes) t.equal((await act(id, 'reboot', { type: 'hard' })).state, 'running')
      else problem(await api.post(path, { type: 'hard' }), 501, 'not_supported')
      await act(id, 'stop')
      problem(await api.post(path, hasTypes ? { type: 'soft' } : {}), 409, 'invalid_state')
    }
  },
  'nodes.pause': {
    title: 'pauses a running node and resumes it',
    async run ({ t, node, act }) {
      const { id } = await node()
      const paused = await act(id, 'pause')
      t.equal(paused.state, 'paused')
      t.ok(paused.allowed_actions.includes('resume'))
      t.equal((await act(id, 'resume')).state, 'running')
    }
  },
  'nodes.suspend': {
    title: 'suspends a running node, which then goes on; where it must be prepared for that, only one that is',
    async run ({ t, node, act, api, driver, capabilities, has, problem }) {
      if (has('nodes.resume')) {
        const { id } = await node()
        t.equal((await act(id, 'suspend')).state, 'suspended')
        t.equal((await act(id, 'resume')).state, 'running')
        return
      }
      t.ok(
        capabilities['nodes.create']!.parameters.includes(`provider_options.${driver}.hibernation`),
        'it can be prepared'
      )
      const other = await node()
      problem(await api.post(`${other.self}/actions/suspend`), 409, 'invalid_state')
      const { id } = await node({ provider_options: { [driver]: { hibernation: true } } })
      t.equal((await act(id, 'suspend')).state, 'stopped')
      t.equal((await act(id, 'start')).state, 'running')
    }
  },
  'nodes.resume': {
    title: 'resumes nothing that is stopped: 409 with the state and what it allows',
    async run ({ t, node, act, api, base, problem }) {
      const { id } = await node()
      await act(id, 'stop')
      const answer = await api.post(`${base}/nodes/${id}/actions/resume`)
      problem(answer, 409, 'invalid_state')
      t.equal(answer.body.state, 'stopped')
      t.ok(answer.body.allowed_actions.includes('start'))
    }
  },
  'nodes.shelve': {
    title: 'shelves a node and resumes it',
    async run ({ t, node, act }) {
      const { id } = await node()
      t.equal((await act(id, 'shelve')).state, 'suspended')
      t.equal((await act(id, 'resume')).state, 'running')
    }
  },
  'nodes.rescue': {
    title: 'boots a node into rescue, which allows little else than to leave it',
    async run ({ t, node, act }) {
      const { id } = await node()
      const rescued = await act(id, 'rescue')
      t.equal(rescued.state, 'rescued')
      t.same([...rescued.allowed_actions].sort(), ['destroy', 'unrescue'])
    }
  },
  'nodes.unrescue': {
    title: 'leaves rescue',
    async run ({ t, node, act }) {
      const { id } = await node()
      await act(id, 'rescue')
      t.equal((await act(id, 'unrescue')).state, 'running')
    }
  },
  'nodes.resize': {
    title:
      'resizes a node, which must then be confirmed or reverted where the cloud keeps the old size; ' +
      'a size there is not is 422',
    async run ({ t, node, act, api, base, other_size_id: size, absent, has, problem }) {
      const { id, allowed_actions: allowed } = await node()
      const mustStop = !allowed.includes('resize')
      if (mustStop) {
        problem(await api.post(`${base}/nodes/${id}/actions/resize`, { size_id: size }), 409, 'invalid_state')
        t.ok((await act(id, 'stop')).allowed_actions.includes('resize'), 'a stopped node is resized')
      }
      const unknown = await api.post(`${base}/nodes/${id}/actions/resize`, { size_id: absent.sizes })
      t.equal(unknown.status, 422, 'an unknown size is refused', { body: unknown.body })
      const resized = await act(id, 'resize', { size_id: size })
      t.equal(resized.size_id, size)
      if (has('nodes.confirm_resize')) {
        t.ok(resized.allowed_actions.includes('confirm_resize'))
        t.notOk(resized.allowed_actions.includes('stop'))
        return
      }
      t.equal(resized.state, mustStop ? 'stopped' : 'running', 'in the state in which it was')
      if (mustStop) t.match(await act(id, 'start'), { state: 'running', size_id: size })
    }
  },
  'nodes.confirm_resize': {
    title: 'keeps the new size',
    async run ({ t, node, act, other_size_id: size }) {
      const { id } = await node()
      await act(id, 'resize', { size_id: size })
      const confirmed = await act(id, 'confirm_resize')
      t.equal(confirmed.size_id, size)
      t.equal(confirmed.state, 'running')
      t.ok(confirmed.allowed_actions.includes('stop'))
    }
  },
  'nodes.revert_resize': {
    title: 'goes back to the old size',
    async run ({ t, node, act, size_id: old, other_size_id: size }) {
      const { id } = await node()
      await act(id, 'resize', { size_id: size })
      const reverted = await act(id, 'revert_resize')
      t.equal(reverted.size_id, old)
      t.equal(reverted.state, 'running')
    }
  },
  'nodes.rebuild': {
    title: 'writes the disk anew from an image; an image there is not is 422',
    async run ({ t, node, act, api, base, image_id: image, absent }) {
      const { id } = await node()
      const unknown = await api.post(`${base}/nodes/${id}/actions/rebuild`, { image_id: absent.images })
      t.equal(unknown.status, 422, 'an unknown image is refused', { body: unknown.body })
      t.equal((await act(id, 'rebuild', { image_id: image })).state, 'running')
    }
  },
  'nodes.restore': {
    title: 'restores a destroyed node where the cloud keeps it; otherwise it is not found',
    async run ({ t, node, act, api, base, problem }) {
      const { id } = await node()
      await api.ended((await api.delete(`${base}/nodes/${id}`)).body)
      const { status, body } = await api.get(`${base}/nodes/${id}`)
      if (status === 404) {
        return problem(await api.post(`${base}/nodes/${id}/actions/restore`), 404, 'resource_not_found')
      }
      // A cloud may show a destroyed node for another moment.
      if (!body.allowed_actions.includes('restore')) {
        const refused = await api.post(`${base}/nodes/${id}/actions/restore`)
        t.ok([404, 409].includes(refused.status), 'what is gone for good is not restored', { body: refused.body })
        return
      }
      t.equal(body.state, 'terminated')
      t.equal((await act(id, 'restore')).state, 'running')
    }
  }
}

export const nodeCases: Record<string, Case> = {
  ...reading('sizes', 2),
  ...reading('locations', 1),
  ...states,

  'nodes.create': {
    title: 'creates a node as asked, once for each key, and tells what it cannot be made of',
    async run (context) {
      const { t, api, base, body, cleanUp, get, problem, absent, capabilities, tags } = context
      const tagged = tags('nodes.create', { env: 'test', owner: 'me' })
      const asked = body(tagged)
      const key = `key-${process.pid}-${String(asked['name'])}`
      const answer = await api.post(`${base}/nodes`, asked, { 'idempotency-key': key })
      t.equal(answer.status, 202)
      t.equal(answer.headers['location'], answer.body.self)
      cleanUp(answer.body.resource.id)
      const again = await api.post(`${base}/nodes`, asked, { 'idempotency-key': key })
      t.equal(again.headers['idempotency-replayed'], 'true')
      t.equal(again.body.id, answer.body.id, 'the same operation')
      problem(await api.post(`${base}/nodes`, body(), { 'idempotency-key': key }), 422, 'idempotency_mismatch')

      const operation = await api.ended(answer.body)
      t.equal(operation.status, 'succeeded')
      const node = await get(operation.resource.id)
      t.match(node, {
        name: asked['name'],
        state: 'running',
        size_id: asked['size_id'],
        image_id: asked['image_id'],
        ...tagged
      })
      t.same(Object.keys(node.tags).sort(), Object.keys(tagged.tags ?? {}).sort(), 'and no tag of our own')
      t.ok(node.addresses.length > 0, 'it has an address')
      t.ok(node.created_at === null || Date.parse(node.created_at) > 0, 'the time of its creation is a time')
      const { items } = await api.walk(`${base}/nodes?name=${String(asked['name'])}`)
      t.equal(items.length, 1, 'one node was made')

      const wrong = await api.post(`${base}/nodes`, body({ image_id: absent.images }))
      problem(wrong, 422, 'validation_failed')
      t.equal(wrong.body.errors?.[0]?.pointer, '/image_id')
      const wrongSize = await api.post(`${base}/nodes`, body({ size_id: absent.sizes }))
      problem(wrongSize, 422, 'validation_failed')
      t.equal(wrongSize.body.errors?.[0]?.pointer, '/size_id')
      const most = capabilities['nodes.create']!.limits['user_data_bytes']
      if (most !== undefined && most < 65_535) {
        const long = await api.post(`${base}/nodes`, body({ user_data: 'x'.repeat(most + 1) }))
        t.equal(long.status, 422, 'user data over the limit is refused', { body: long.body })
      }
    }
  },
  'nodes.list': {
    title: 'lists nodes, through pages of any size, by name, state and tag',
    async run ({ t, api, base, cloud, node, has, takes, body, cleanUp, problem }) {
      const tag = `list-${process.pid}`
      const [a, b, c] = await Promise.all([
        node({ tags: { set: tag } }),
        node({ tags: { set: tag } }),
        node({ tags: { set: tag, third: 'yes' } })
      ])
      const wanted = ids([a, b, c])
      for (const limit of [1, 2, 1000]) {
        const { items } = await api.walk(`${base}/nodes?limit=${limit}`)
        t.same(ids(items.filter(({ id }) => wanted.includes(id))), wanted, `pages of ${limit} tell each once`)
      }
      t.same(ids((await api.walk(`${base}/nodes?name=${a.name}`)).items), [a.id], 'a name is exact')
      t.same(ids((await api.walk(`${base}/nodes?name=${a.name.slice(0, -1)}`)).items), [], 'and no part of another')
      if (takes('nodes.create', 'tags')) {
        const tagged = await api.walk(`${base}/nodes?tag=set=${tag}`)
        t.same(ids(tagged.items), wanted)
        t.same(ids((await api.walk(`${base}/nodes?tag.set=${tag}&tag=third`)).items), [c.id])
        const running = await api.walk(
          `/api/v2/nodes?cloud=${cloud}&state=running&tag=set=${tag}&sort=-name&fields=id,name`
        )
        t.same(running.items.map(({ name }) => name), [a.name, b.name, c.name].sort().reverse(), 'sorted')
        t.same(Object.keys(running.items[0]), ['id', 'name'], 'only the fields asked for')
        t.same((await api.walk(`${base}/nodes?state=paused&tag=set=${tag}`)).items, [])
      }
      const twin = await api.post(`${base}/nodes`, body({ name: a.name }))
      if (twin.status === 202) {
        const operation = await api.ended(twin.body)
        for (const { id } of operation.resources) cleanUp(id)
        const both = [a.id, operation.resource.id].sort()
        t.same(ids((await api.walk(`${base}/nodes?name=${a.name}`)).items), both, 'two of one name are both told')
      } else {
        problem(twin, 409, 'already_exists')
      }
      t.equal((await api.get(`${base}/nodes?limit=0`)).status, 422)
      t.ok(has('nodes.list'))
    }
  },
  'nodes.get': {
    title: 'gets a node, with extra where asked, and 404 for one there is not',
    async run ({ t, api, base, node, absent, problem }) {
      const made = await node()
      const { body } = await api.get(`${made.self}?include=extra`)
      t.match(body, { id: made.id, self: made.self })
      t.type(body.extra, 'object')
      problem(await api.get(`${base}/nodes/${absent.nodes}`), 404, 'resource_not_found')
      for (const id of ['..%2fimages', 'ü'.repeat(20), 'x'.repeat(300), "'; drop"]) {
        problem(await api.get(`${base}/nodes/${encodeURIComponent(decodeURIComponent(id))}`), 404, 'resource_not_found')
      }
    }
  },
  'nodes.update': {
    title: 'changes name, tags and, where the cloud has it, protection; what is protected is not destroyed',
    async run ({ t, api, node, problem, takes }) {
      const made = await node({ tags: { keep: '1', drop: '2' } })
      const hasTags = takes('nodes.create', 'tags') && takes('nodes.update', 'tags')
      const name = takes('nodes.update', 'name') ? { name: `${made.name}-renamed` } : {}
      const fields = { ...name, ...hasTags ? { tags: { drop: null, add: '3' } } : {} }
      const after = { ...name, ...hasTags ? { tags: { keep: '1', add: '3' } } : {} }
      if (Object.keys(fields).length > 0) {
        const { status, body } = await api.patch(made.self, fields, { 'content-type': 'application/merge-patch+json' })
        t.equal(status, 200, 'it answers with the node', { body })
        t.match(body, after)
        t.match((await api.get(made.self)).body, after)
        if (hasTags) t.same(Object.keys(body.tags).sort(), ['add', 'keep'])
      }
      t.equal((await api.patch(made.self, {})).status, 422, 'nothing to change is no change')
      const protect = await api.patch(made.self, { protected: true })
      if (!takes('nodes.update', 'protected')) return problem(protect, 501, 'not_supported')
      t.equal(protect.body.protected, true)
      problem(await api.delete(made.self), 409, 'protected')
      t.equal((await api.patch(made.self, { protected: false })).body.protected, false)
    }
  },
  'nodes.destroy': {
    title: 'destroys a node, on a condition where asked; afterwards it is gone or terminated',
    async run ({ t, api, node, problem }) {
      const made = await node()
      problem(await api.delete(`${made.self}?if_state=stopped`), 412, 'precondition_failed')
      const answer = await api.delete(made.self, { prefer: 'wait=30' })
      t.equal(answer.body.kind, 'nodes.destroy')
      t.equal((await api.ended(answer.body)).status, 'succeeded')
      const after = await api.get(made.self)
      t.ok(after.status === 404 || after.body.state === 'terminated')
      const { body } = await api.get(`${made.self}/operations`)
      t.same(
        body.items.map(({ kind }: { kind: string }) => kind),
        ['nodes.destroy', 'nodes.create'],
        'its operations are told, the newest first'
      )
    }
  }
}

/** Cases that do not belong to a capability. */
export const general: Case[] = [
  {
    title: 'a quota of the cloud is told as such',
    async run ({ t, api, tightCloud, tightCreate, body, problem, demand }) {
      demand('nodes.create')
      if (tightCloud === undefined) return
      const path = `/api/v2/clouds/${tightCloud}/nodes`
      // That account has networks of its own.
      const bare = () => ({ ...body(), networks: undefined, ...tightCreate })
      const first = await api.post(path, bare(), { prefer: 'wait=60' })
      t.equal(first.body.status, 'succeeded', 'the first node is made', { body: first.body })
      t.teardown(async () => { await api.ended((await api.delete(first.body.resource.self)).body) })
      problem(await api.post(path, bare()), 409, 'provider_quota_exceeded')
    }
  },
  {
    title: 'a node that the cloud has no room for ends its operation, with the reason',
    async run (context): Promise<any> {
      const { t, api, base, body, cleanUp, get, problem, capacity, impossible_size_id: size, demand } = context
      demand('nodes.create')
      if (size === undefined) return
      const answer = await api.post(`${base}/nodes`, body({ size_id: size }))
      if (capacity === 'at once') return problem(answer, 503, 'provider_capacity')
      const { status, body: accepted } = answer
      t.equal(status, 202)
      cleanUp(accepted.resource.id)
      const operation = await api.ended(accepted)
      t.equal(operation.status, 'failed')
      t.ok(operation.error.detail)
      const node = await get(accepted.resource.id)
      t.equal(node.state, 'error')
      t.ok(node.fault?.message)
      t.ok(node.allowed_actions.includes('destroy'))
    }
  },
  {
    title: 'validate tells what a create would meet and creates nothing',
    async run ({ t, api, base, tightCloud, body, absent, capabilities, demand, takes }) {
      demand('nodes.create')
      const asked = body()
      const good = await api.post(`${base}/nodes/validate`, asked)
      t.equal(good.body.valid, true, 'all checks are ok', { body: good.body })
      const bad = await api.post(`${base}/nodes/validate`, { ...asked, image_id: absent.images })
      t.equal(bad.body.valid, false)
      t.equal(bad.body.checks.find(({ name }: { name: string }) => name === 'image').ok, false)
      const check = (answer: any, name: string) => answer.body.checks.find((one: { name: string }) => one.name === name)
      const hasNetworks = 'networks.get' in capabilities && takes('nodes.create', 'networks.network_id')
      const hasKeys = 'key_pairs.get' in capabilities && takes('nodes.create', 'key_pair_name')
      const nowhere = await api.post(`${base}/nodes/validate`, {
        ...asked,
        ...hasNetworks ? { networks: [{ network_id: absent.networks }] } : {},
        ...hasKeys ? { key_pair_name: absent.key_pairs } : {}
      })
      if (hasNetworks) t.equal(check(nowhere, 'network').ok, false, 'a network there is not')
      if (hasKeys) t.equal(check(nowhere, 'key pair').ok, false, 'a key pair there is not')
      if ('quotas.list' in capabilities && tightCloud !== undefined && takes('nodes.create', 'count')) {
        const { networks: _, ...bare } = asked
        const many = await api.post(`/api/v2/clouds/${tightCloud}/nodes/validate`, { ...bare, count: 2 })
        t.equal(check(many, 'quota').ok, false, 'more than the quota allows', { body: many.body })
      }
      const odd = await api.post(`${base}/nodes/validate`, { name: 7 })
      t.match(odd.body, { valid: false, checks: [{ name: 'schema', ok: false }] })
      t.same((await api.walk(`${base}/nodes?name=${String(asked['name'])}`)).items, [])
    }
  },
  {
    title: 'what the cloud does not honour is refused by name, before any call',
    async run ({ t, api, base, body, absent, capabilities, problem, demand }) {
      demand('nodes.create')
      const known = new Set(capabilities['nodes.create']!.parameters)
      const asked: Record<string, object> = {
        count: { count: 2 },
        root_volume: { root_volume: { size: 10 } },
        'networks.subnet_id': { networks: [{ subnet_id: absent.subnets }] },
        security_group_ids: { security_group_ids: [absent.security_groups] },
        protected: { protected: true }
      }
      for (const [name, fields] of Object.entries(asked)) {
        if (known.has(name)) continue
        const answer = await api.post(`${base}/nodes`, body(fields))
        problem(answer, 501, 'not_supported')
        // The first name that the cloud does not honour is reported: that of the object, if it has none of its fields.
        const reported = name.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'))
          .find((part) => !known.has(part))
        t.equal(answer.body.capability, `nodes.create.${reported}`)
      }
    }
  },
  {
    title: 'several nodes of a kind are made together, numbered, where the cloud can',
    async run ({ t, api, base, body, cleanUp, get, demand }) {
      demand('nodes.create', 'count')
      const asked = body({ count: 2 })
      const answer = await api.post(`${base}/nodes`, asked)
      t.equal(answer.status, 202, 'accepted', { body: answer.body })
      const operation = await api.ended(answer.body)
      for (const { id } of operation.resources) cleanUp(id)
      t.equal(operation.status, 'succeeded', 'both run', { operation })
      t.equal(operation.resources.length, 2)
      const names = await Promise.all(operation.resources.map(async ({ id }: { id: string }) => (await get(id)).name))
      t.same(names.sort(), [`${String(asked['name'])}-1`, `${String(asked['name'])}-2`])
    }
  },
  {
    title: 'a node is made with NICs in several networks, addresses and groups of its own choice, where the cloud can',
    async run ({ t, api, base, name, make, node, body, cleanUp, capabilities, demand }) {
      demand('nodes.create', 'networks.subnet_id', 'networks.fixed_ip', 'networks.security_group_ids')
      // Where groups are in networks and subnets in zones, all NICs of a node are in one of each.
      const inside = capabilities['security_groups.create']?.parameters.includes('network_id') === true
      const network = () => make('networks', { name: name('network') })
      const first = await network()
      const second = inside ? first : await network()
      const { items: locations } = await api.walk(`${base}/locations`)
      const at = inside ? { availability_zone: locations.find(({ kind }) => kind === 'zone').id } : {}
      const group = await make('security-groups', { name: name('group'), ...(inside ? { network_id: first.id } : {}) })
      const one = await make('subnets', { network_id: first.id, cidr: '10.100.251.0/24', ...at })
      const two = await make('subnets', { network_id: second.id, cidr: '10.100.252.0/24', ...at })
      const made = await node({
        networks: [
          { network_id: one.network_id, fixed_ip: '10.100.251.50' },
          { subnet_id: two.id, fixed_ip: '10.100.252.51', security_group_ids: [group.id] }
        ],
        user_data: '#!/bin/sh\necho hello'
      })
      t.same([...made.private_ips].sort(), ['10.100.251.50', '10.100.252.51'])
      t.ok(made.security_group_ids.includes(group.id))
      const { body: nics } = await api.get(`${made.self}/nics`)
      t.equal(nics.items.length, 2)
      const outside = await api.post(
        `${base}/nodes`,
        body({ networks: [{ subnet_id: two.id, fixed_ip: '192.0.2.1' }] })
      )
      for (const { id } of outside.body.resources ?? []) cleanUp(id)
      t.equal(outside.status, 422, 'an address outside is refused', { body: outside.body })
    }
  },
  {
    title: 'a node is made on a root volume of its own size, where the cloud can',
    async run ({ t, api, base, node, demand, smallestVolume = 1 }) {
      demand('nodes.create', 'root_volume.size')
      demand('volumes.get')
      const size = Math.max(10, smallestVolume)
      const made = await node({ root_volume: { size, delete_on_termination: true } })
      t.equal(made.volume_ids.length, 1)
      const { body } = await api.get(`${base}/volumes/${made.volume_ids[0]}`)
      t.match(body, { size, bootable: true, state: 'in_use' })
      await api.ended((await api.delete(made.self)).body)
      // The cloud may remove it after the end of the operation, so no kept answer must be read.
      const gone = async () => (await api.get(body.self, { 'cache-control': 'no-cache' })).status === 404
      for (let tries = 0; tries < 100 && !await gone(); tries++) continue
      t.ok(await gone(), 'it goes with the node')
    }
  },
  {
    title: 'a verb that is under way is joined',
    async run ({ t, api, base, node, capabilities, demand }) {
      demand('nodes.reboot')
      const { id } = await node()
      const input = capabilities['nodes.reboot']?.parameters.includes('type') === true ? { type: 'hard' } : {}
      const [first, second] = await Promise.all([1, 2].map(() => api.post(`${base}/nodes/${id}/actions/reboot`, input)))
      for (const answer of [first!, second!]) {
        t.ok([200, 202].includes(answer.status), 'accepted', { body: answer.body })
      }
      t.equal((await api.ended(second!.body)).status, 'succeeded')
    }
  }
]
