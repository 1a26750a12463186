import type { Context } from '../context.ts'
import type { Case } from './case.ts'
import { reading } from './reading.ts'

const volume = ({ build, name, smallestVolume = 1 }: Context, fields: object = {}) =>
  build('volumes', { name: name('volume'), size: smallestVolume, ...fields })

const snapshot = async (context: Context, fields: object = {}) => {
  const { id } = await volume(context)
  return context.build('snapshots', { name: context.name('snapshot'), volume_id: id, ...fields })
}

const image = async (context: Context, fields: object = {}) => {
  const { id } = await context.node()
  return context.build('images', { name: context.name('image'), node_id: id, ...fields })
}

/** Whether the cloud honours a field of a request. */
const takes = ({ takes }: Context, capability: string, field: string) => takes(capability, field)

/** Deletes what takes its time and waits for its end. */
const deleted = async ({ t, api }: Context, self: string) => {
  const answer = await api.delete(self)
  t.equal(answer.status, 202, 'the deletion is accepted', { body: answer.body })
  t.equal((await api.ended(answer.body)).status, 'succeeded')
  t.equal((await api.get(self)).status, 404)
}

export const storageCases: Record<string, Case> = {
  ...reading('volumes', 1, volume),
  ...reading('volume_types', 1),
  ...reading('snapshots', 1, snapshot),
  ...reading('images', 1),

  'volumes.create': {
    title:
      'makes a volume, empty, of a snapshot, of an image where the cloud can; once for each key; ' +
      'sizes that are none, and snapshots there are not, are refused',
    async run (context) {
      const { t, api, base, build, name, image_id: image, absent, needs, tags, smallestVolume: size = 1 } = context
      const tagged = tags('volumes.create', { env: 'test' })
      const made = await volume(context, tagged)
      t.match(made, { state: 'available', size, ...tagged, attachments: [], bootable: false })
      t.same(Object.keys(made.tags), Object.keys(tagged.tags ?? {}), 'and no tag of our own')
      if (takes(context, 'volumes.create', 'image_id')) {
        t.equal(
          (await build('volumes', { name: name('volume'), size: Math.max(10, size), image_id: image })).bootable,
          true
        )
      }
      if (takes(context, 'volumes.create', 'snapshot_id') && context.has('snapshots.create')) {
        const snap = await build('snapshots', { name: name('snapshot'), volume_id: made.id })
        const restored = await build('volumes', { name: name('volume'), snapshot_id: snap.id })
        t.match(restored, { size, snapshot_id: snap.id })
        t.equal((await api.ended((await api.delete(restored.self)).body)).status, 'succeeded')
        t.equal((await api.ended((await api.delete(snap.self)).body)).status, 'succeeded')
      }
      for (const unfit of [0, -1, 1.5]) {
        const { status, body } = await api.post(`${base}/volumes`, { size: unfit })
        t.equal(status, 422)
        t.equal(body.errors[0].pointer, '/size')
      }
      if (takes(context, 'volumes.create', 'snapshot_id')) {
        const nothing = await api.post(`${base}/volumes`, { snapshot_id: absent.snapshots, size })
        t.equal(nothing.status, 422, 'a snapshot there is not is refused', { body: nothing.body })
        t.equal(nothing.body.errors?.[0]?.pointer, '/snapshot_id')
      }
      const asked = { ...needs?.['volumes'], name: name('volume'), size }
      const key = name('key')
      const first = await api.post(`${base}/volumes`, asked, { 'idempotency-key': key })
      const again = await api.post(`${base}/volumes`, asked, { 'idempotency-key': key })
      t.equal(again.body.id, first.body.id)
      await api.ended(first.body)
      const { items } = await api.walk(`${base}/volumes?name=${asked.name}`)
      t.equal(items.length, 1)
      await api.delete(items[0].self)
    }
  },
  'volumes.update': {
    title: 'renames a volume and changes its tags',
    async run (context) {
      const { t, api, name } = context
      const hasTags = takes(context, 'volumes.create', 'tags') && takes(context, 'volumes.update', 'tags')
      const { self } = await volume(context, hasTags ? { tags: { keep: '1', drop: '2' } } : {})
      const renamed = takes(context, 'volumes.update', 'name') ? { name: name('renamed') } : {}
      const { body } = await api.patch(self, { ...renamed, ...hasTags ? { tags: { drop: null, add: '3' } } : {} })
      t.match(body, renamed)
      if (hasTags) t.same(body.tags, { keep: '1', add: '3' })
    }
  },
  'volumes.attach': {
    title: 'attaches a volume to one node; twice is refused, and an attached one is not deleted',
    async run (context) {
      const { t, api, node, get, done, problem, absent } = context
      const made = await node()
      const { id, self } = await volume(context)
      const nowhere = await api.post(`${self}/actions/attach`, { node_id: absent.nodes })
      t.equal(nowhere.status, 422, 'a node there is not is refused', { body: nowhere.body })
      t.equal(nowhere.body.errors?.[0]?.pointer, '/node_id')
      await done(`${self}/actions/attach`, { node_id: made.id })
      const { body } = await api.get(self)
      t.match(body, { state: 'in_use', attachments: [{ node_id: made.id, device: String }] })
      t.same(
        (await get(made.id)).volume_ids.sort(),
        [...made.volume_ids, id].sort(),
        'the node names it beside its own'
      )
      problem(await api.post(`${self}/actions/attach`, { node_id: made.id }), 409, 'in_use')
      problem(await api.delete(self), 409, 'in_use')
      await done(`${self}/actions/detach`)
    }
  },
  'volumes.detach': {
    title: 'detaches a volume',
    async run (context) {
      const { t, api, node, get, done } = context
      const made = await node()
      const { self } = await volume(context)
      await done(`${self}/actions/attach`, { node_id: made.id })
      await done(`${self}/actions/detach`, { node_id: made.id })
      t.match((await api.get(self)).body, { state: 'available', attachments: [] })
      t.same((await get(made.id)).volume_ids, made.volume_ids)
    }
  },
  'volumes.extend': {
    title: 'makes a volume larger, never smaller',
    async run (context) {
      const { t, api, done, smallestVolume: least = 1 } = context
      const { self } = await volume(context, { size: least + 1 })
      await done(`${self}/actions/extend`, { size: least + 2 })
      t.equal((await api.get(self)).body.size, least + 2)
      const less = await api.post(`${self}/actions/extend`, { size: least })
      t.equal(less.status, 422, 'less is refused', { body: less.body })
    }
  },
  'volumes.destroy': {
    title: 'deletes a volume',
    async run (context) {
      await deleted(context, (await volume(context)).self)
    }
  },
  'snapshots.create': {
    title: 'takes a snapshot of a volume, also of one that is attached',
    async run (context) {
      const { t, node, done, build, name, smallestVolume: size = 1 } = context
      const { id, self } = await volume(context)
      const tagged = context.tags('snapshots.create', { env: 'test' })
      t.match(await build('snapshots', { name: name('snapshot'), volume_id: id, ...tagged }), {
        state: 'available',
        volume_id: id,
        size,
        ...tagged
      })
      const made = await node()
      await done(`${self}/actions/attach`, { node_id: made.id })
      t.equal((await build('snapshots', { name: name('snapshot'), volume_id: id })).state, 'available')
      await done(`${self}/actions/detach`)
    }
  },
  'snapshots.update': {
    title: 'renames a snapshot',
    async run (context) {
      const { t, api, name } = context
      const { self } = await snapshot(context)
      const renamed = name('renamed')
      t.equal((await api.patch(self, { name: renamed })).body.name, renamed)
    }
  },
  'snapshots.destroy': {
    title: 'deletes a snapshot',
    async run (context) {
      await deleted(context, (await snapshot(context)).self)
    }
  },
  'images.create': {
    title: 'makes an image of a node, from which a node can be made',
    async run (context) {
      const { t, node } = context
      const tagged = context.tags('images.create', { env: 'test' })
      const made = await image(context, tagged)
      t.match(made, { state: 'available', is_snapshot: true, visibility: 'private', ...tagged })
      t.equal((await node({ image_id: made.id })).image_id, made.id)
    }
  },
  'images.update': {
    title: 'changes tags of an image, and its name where the cloud can',
    async run (context) {
      const { t, api, name } = context
      const hasTags = takes(context, 'images.create', 'tags') && takes(context, 'images.update', 'tags')
      const { self } = await image(context, hasTags ? { tags: { keep: '1', drop: '2' } } : {})
      const renamed = takes(context, 'images.update', 'name') ? { name: name('renamed') } : {}
      const { body } = await api.patch(self, { ...renamed, ...hasTags ? { tags: { drop: null, add: '3' } } : {} })
      t.match(body, renamed)
      if (hasTags) t.same(body.tags, { keep: '1', add: '3' })
      if (!takes(context, 'images.update', 'name')) {
        const { status } = await api.patch(self, { name: name('renamed') })
        t.equal(status, 501, 'otherwise it is refused')
      }
    }
  },
  'images.upload': {
    title: 'makes an image of a file that is streamed',
    async run ({ t, api, base, name, cleanUpAt }) {
      const size = 1024 * 1024
      const answer = await api.request('POST', `${base}/images/upload?name=${name('upload')}&disk_format=raw`, {
        headers: { 'content-type': 'application/octet-stream' },
        body: 'x'.repeat(size)
      })
      t.equal(answer.status, 202, 'accepted', { body: answer.body })
      const operation = await api.ended(answer.body)
      t.equal(operation.status, 'succeeded', 'it ends', { operation })
      cleanUpAt(operation.resource.self)
      t.match((await api.get(operation.resource.self)).body, { state: 'available', size_bytes: size })
    }
  },
  'images.import': {
    title: 'has the cloud fetch an image; an address that the cloud does not fetch from is refused by name',
    async run ({ t, api, base, name, cleanUpAt }): Promise<any> {
      const answer = await api.post(`${base}/images/import`, {
        name: name('import'),
        disk_format: 'raw',
        url: 'http://127.0.0.1/none.raw'
      })
      if (answer.status === 422) {
        return t.equal(answer.body.errors?.[0]?.pointer, '/url', 'refused', { body: answer.body })
      }
      t.equal(answer.status, 202, 'accepted', { body: answer.body })
      t.equal(answer.body.kind, 'images.import')
      if (answer.body.resource !== null) cleanUpAt(answer.body.resource.self)
    }
  },
  'images.destroy': {
    title: 'deletes an image, with its snapshots where the cloud can',
    async run (context) {
      const { t, api, base, problem } = context
      await deleted(context, (await image(context)).self)
      const { self } = await image(context)
      const answer = await api.delete(`${self}?delete_snapshots=true`)
      if (!takes(context, 'images.destroy', 'delete_snapshots')) return problem(answer, 501, 'not_supported')
      t.equal((await api.ended(answer.body)).status, 'succeeded')
      const { items } = await api.walk(`${base}/snapshots`)
      t.same(
        items.filter(({ description }) => description?.includes(self.split('/').at(-1))),
        [],
        'none of its snapshots is left'
      )
    }
  },
  'quotas.list': {
    title: 'tells limits and what of them is used',
    async run ({ t, api, base, node, quotas = [] }) {
      const of = async (resource: string) =>
        (await api.get(`${base}/quotas`)).body.items.find((item: { resource: string }) => item.resource === resource)
      /** Nodes of earlier cases may leave the count while this case runs, so one rise in three tries is enough. */
      const seen: Array<{ before: number, after: number }> = []
      while (seen.length < 3 && !seen.some(({ before, after }) => after > before)) {
        const before = (await of('nodes')).used
        await node()
        seen.push({ before, after: (await of('nodes')).used })
      }
      t.ok(seen.some(({ before, after }) => after > before), 'a node counts', { seen })
      for (const resource of quotas) t.ok(await of(resource), `${resource} is told`)
    }
  },
  'nodes.console': {
    title: 'tells what a node has written, and where its screen is: what of both the cloud shows',
    async run ({ t, api, node, capabilities, problem }) {
      const { self } = await node()
      const kinds = capabilities['nodes.console']!.parameters.filter((name) => name.startsWith('kind.'))
      const shows = (kind: string) => kinds.length === 0 || kinds.includes(kind)
      const written = await api.get(`${self}/console`)
      if (shows('kind.text')) t.match(written.body, { kind: 'text', text: String, url: null })
      else problem(written, 501, 'not_supported')
      const screen = await api.get(`${self}/console?kind=url`)
      if (shows('kind.url')) t.match(screen.body, { kind: 'url', url: /^https?:/ })
      else problem(screen, 501, 'not_supported')
    }
  }
}
