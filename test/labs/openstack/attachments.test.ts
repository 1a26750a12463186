import t, { type Test } from 'tap'
import { buildOnLab } from './app.ts'
import { createLabServers, isAccepted, situationOf, situations, until } from './servers.ts'

t.setTimeout(1_800_000)

const prefix = `attachments-${process.pid}-`

t.test('volumes are attached and detached in the states in which Nova does it', async (t) => {
  const { api, lab, image_id: image } = await buildOnLab(t)
  const { bring, remove, purge } = createLabServers({ lab, prefix, image })
  t.teardown(purge)
  const { version: { version: highest } } = await lab.nova('demo', 'GET', '/')
  const volumes = '/api/v2/clouds/default/volumes'
  const readVolume = async (id: string) => (await lab.api('demo', 'volumev3', 'GET', `/volumes/${id}`)).volume
  const createVolume = async (fields: object = {}) => {
    const { body } = await api.post(volumes, { name: `${prefix}volume`, size: 1, ...fields }, { prefer: 'wait=60' })
    t.match(body, { status: 'succeeded' })
    return body.resource.id as string
  }
  const created: string[] = []
  t.teardown(async () => {
    for (const id of created) {
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${id}/action`, { 'os-reset_status': { status: 'error' } })
        .catch(() => {})
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${id}/action`, { 'os-force_delete': {} }).catch(() => {})
    }
  })
  const attachRaw = (node: string, volumeId: string) => isAccepted(lab.nova(
    'demo', 'POST', `/servers/${node}/os-volume_attachments`, { volumeAttachment: { volumeId } }, highest))
  const detachRaw = (node: string, id: string) =>
    isAccepted(lab.nova('demo', 'DELETE', `/servers/${node}/os-volume_attachments/${id}`, undefined, highest))

  /** Runs an action of a volume by this server. Returns whether it was accepted; then it must also succeed. */
  const act = async (t: Test, id: string, action: string, input: object) => {
    const { status, body } = await api.post(`${volumes}/${id}/actions/${action}`, input)
    if (status === 409) return false
    t.equal(status, 202, action, { body })
    t.equal((await api.ended(body)).status, 'succeeded', action)
    return true
  }

  const states = situations.filter(({ isImpossible, user }) => isImpossible !== true && user === undefined)
  t.jobs = 4
  await Promise.all(states.map((situation) => t.test(situation.name, { buffered: true }, async (t) => {
    const ids = [await createVolume(), await createVolume(), await createVolume(), await createVolume()] as const
    created.push(...ids)
    const [one, other, free, otherFree] = ids
    const node = await bring(situation, async (id) => {
      t.ok(await attachRaw(id, one))
      t.ok(await attachRaw(id, other))
      for (const volume of [one, other]) await until(async () => (await readVolume(volume)).status === 'in-use')
    })
    const detached = await detachRaw(node, one)
    t.equal(await act(t, other, 'detach', {}), detached, `Nova ${detached ? 'detaches' : 'refuses to detach'}`)
    const attached = await attachRaw(node, free)
    t.equal(
      await act(t, otherFree, 'attach', { node_id: node }), attached,
      `Nova ${attached ? 'attaches' : 'refuses to attach'}`
    )
    await remove(node)
  })))

  await t.test('a volume of a type with multi-attach is attached to two nodes', async (t) => {
    const { volume_type: { id: type } } = await lab.api('admin', 'volumev3', 'POST', '/types', {
      volume_type: { name: `${prefix}multi`, extra_specs: { multiattach: '<is> True' } }
    })
    const volume = await createVolume({ type: `${prefix}multi` })
    t.teardown(async () => {
      await lab.api('admin', 'volumev3', 'POST', `/volumes/${volume}/action`, { 'os-force_delete': {} })
      await until(() => readVolume(volume).then(() => false, () => true))
      await lab.api('admin', 'volumev3', 'DELETE', `/types/${type}`)
    })
    const [first, second, shelved] = await Promise.all([
      bring(situationOf('ACTIVE')), bring(situationOf('SHUTOFF')), bring(situationOf('SHELVED_OFFLOADED'))
    ])
    t.ok(await act(t, volume, 'attach', { node_id: first }))
    t.ok(await act(t, volume, 'attach', { node_id: second }))
    const { body } = await api.get(`${volumes}/${volume}`)
    t.same(body.attachments.map((one: { node_id: string }) => one.node_id).sort(), [first, second].sort())
    const isAttached = await attachRaw(shelved, volume)
    const { status } = await api.post(`${volumes}/${volume}/actions/attach`, { node_id: shelved })
    t.equal(status < 300, isAttached, 'a shelved node')
    t.equal((await api.post(`${volumes}/${volume}/actions/detach`, {})).status, 422, 'from which node?')
    t.ok(await act(t, volume, 'detach', { node_id: first }))
    t.match((await api.get(`${volumes}/${volume}`)).body, { state: 'in_use', attachments: [{ node_id: second }] })
    t.ok(await act(t, volume, 'detach', { node_id: second }))
    t.match((await api.get(`${volumes}/${volume}`)).body, { state: 'available', attachments: [] })
    await Promise.all([first, second, shelved].map((id) => remove(id)))
  })
})
