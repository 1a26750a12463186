import t from 'tap'
import { request } from 'undici'
import { uuidOf } from '../../../routes/v1/libcloud.ts'
import { buildOnLab } from './app.ts'

t.setTimeout(300_000)

t.test("/api/v1 starts, lists and destroys a server of a real OpenStack, and lists the user's projects", async (t) => {
  t.setTimeout(300_000)
  const { origin, lab } = await buildOnLab(t)
  const name = `v1-${process.pid}`
  t.teardown(() => lab.purge('demo', name))

  /** Sends a request as old clients do: JSON without its media type. */
  const send = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: object) => {
    const answer = await request(`${origin}/api/v1${path}`, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      headers: body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    })
    return { status: answer.statusCode, body: await answer.body.json() as any }
  }

  // A second project of the user. Keystone removes its roles with it.
  const { project } = await lab.api('admin', 'identity', 'POST', '/projects', {
    project: { name, domain_id: 'default' }
  })
  t.teardown(() => lab.api('admin', 'identity', 'DELETE', `/projects/${project.id}`))
  const { users: [user] } = await lab.api('admin', 'identity', 'GET', '/users?name=demo')
  const { roles: [role] } = await lab.api('admin', 'identity', 'GET', '/roles?name=member')
  await lab.api('admin', 'identity', 'PUT', `/projects/${project.id}/users/${user.id}/roles/${role.id}`)
  const { body: { tenants } } = await send('GET', '/tenants')
  const theirs: { ID: string, Name: string }[] = await lab.openstack('demo', ['project', 'list', '--my-projects'])
  t.same(
    tenants.map((tenant: { id: string, name: string }) => [tenant.id, tenant.name]).sort(),
    theirs.map(({ ID, Name }) => [ID, Name]).sort(),
    "the tenants are the projects that OpenStack's client lists"
  )
  t.ok(tenants.some(({ id }: { id: string }) => id === project.id), 'also the new one')
  t.match(tenants[0], { provider: 'OpenStack', cloud_type: 'openstack' })

  const started = await send('POST', '/vm/start', {
    name, image: 'cirros-fake', size: 'm1.tiny', keyname: 'demo-key', metadata: { team: 'a' }
  })
  t.match(started, {
    status: 200, body: { status: 'ok', nodes: { name, cloud_type: 'openstack', provider: 'OpenStack' } }
  })
  const { id } = started.body.nodes
  const { server } = await lab.nova('demo', 'GET', `/servers/${id}`)
  t.match(server, { name, key_name: 'demo-key', metadata: { team: 'a' } })

  const find = async () => {
    const { body: { nodes } } = await send('GET', '/nodes')
    return nodes.find((node: { id: string }) => node.id === id)
  }
  let node = await find()
  for (let tries = 0; tries < 120 && node.state !== 'running'; tries++) {
    // Nova takes some seconds to build a server.
    await lab.nova('demo', 'GET', `/servers/${id}`)
    node = await find()
  }
  t.match(node, { name, state: 'running', uuid: uuidOf(id, 'openstack'), private_ips: [String] })

  t.match(await send('POST', '/vm/start', { name, image: 'cirros-fake', size: 'none' }), {
    status: 400, body: { status: 'error', message: /size: the cloud default has no size with the id or name "none"/ }
  })
  t.match(await send('PUT', '/vm/stop', { hostname: `${name}-other` }), { status: 400, body: { status: 'error' } })

  t.same((await send('PUT', '/vm/stop', { hostname: name })).body, { status: 'ok', result: `Node ${id} deleted` })
  const gone = async () => lab.nova('demo', 'GET', `/servers/${id}`).then(() => false, ({ status }) => status === 404)
  let isGone = await gone()
  for (let tries = 0; tries < 300 && !isGone; tries++) isGone = await gone()
  t.ok(isGone, 'it is destroyed, not only stopped')
  t.equal(await find(), undefined)
})
